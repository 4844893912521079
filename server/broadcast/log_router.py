"""The log of deliveries over REST, as pages and as a file. Reads, calls one verb, answers."""

from __future__ import annotations

import re
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BeforeValidator
from starlette.responses import StreamingResponse

from server.auth.dependencies import CurrentOperator
from server.broadcast import log
from server.broadcast.constants import LOG_LIMIT, DeliveryState
from server.broadcast.dependencies import TheBroadcast
from server.broadcast.log import Wanted
from server.broadcast.schemas import DeliveryPage
from server.codes import SIGNED_IN, documented
from server.web import Lines

router = APIRouter(prefix="/broadcast/logs", tags=["campaigns"])

OPERATED = {**SIGNED_IN, "role_needed": 403}


def _written(value: object) -> object:
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d[Tt]", value) is None:
        raise ValueError("write a moment as in 2026-12-01T10:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]


class Csv(Lines):
    """The same as a table for spreadsheets."""

    media_type = "text/csv"


async def _wanted(
    campaign_id: Annotated[UUID | None, Query(description="Only of this campaign.")] = None,
    run_id: Annotated[UUID | None, Query(description="Only of this run.")] = None,
    state: Annotated[DeliveryState | None, Query(description="Only those in this state.")] = None,
    contact_id: Annotated[UUID | None, Query(description="Only to this person.")] = None,
    *,
    since: Annotated[Moment | None, Query(description="Only those that ended from this moment on.")] = None,
    until: Annotated[Moment | None, Query(description="Only those that ended before this moment.")] = None,
) -> Wanted:
    return Wanted(campaign_id, run_id, state, contact_id, since, until)


TheWanted = Annotated[Wanted, Depends(_wanted)]


@router.get("", summary="List deliveries", responses=documented(OPERATED, bad_cursor=422))
async def listing(
    wanted: TheWanted,
    _: CurrentOperator,
    room: TheBroadcast,
    *,
    cursor: Annotated[str | None, Query(max_length=100, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=LOG_LIMIT, description="Deliveries on a page.")] = 100,
) -> DeliveryPage:
    """What became of everybody, over all campaigns: those of the newest run first."""
    return await log.page(room.database, log.behind(wanted, cursor), limit)


@router.get("/export", status_code=200, response_class=Csv, summary="Export deliveries", responses=documented(OPERATED))
async def export(wanted: TheWanted, _: CurrentOperator, room: TheBroadcast) -> StreamingResponse:
    """All of them as CSV, as they are read: of a million nothing is gathered anywhere."""
    return Csv(log.export(room.database, wanted), "deliveries.csv")
