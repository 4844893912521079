"""Endpoints for events over REST, for admins. Reads, calls one verb, answers."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from server.auth.dependencies import CurrentAdmin, unkept
from server.codes import SIGNED_IN, documented
from server.hooks import service
from server.hooks.constants import LOG_PAGE
from server.hooks.dependencies import TheHooks
from server.hooks.models import Endpoint
from server.hooks.schemas import (
    AttemptPage,
    AttemptView,
    EndpointChange,
    EndpointView,
    EndpointWithBacklog,
    EndpointWithSecret,
    NewEndpoint,
    ReplayAsked,
    ReplayView,
    Rotation,
    TestView,
)
from server.web import Tx

router = APIRouter(prefix="/hooks", tags=["events out"], dependencies=[Depends(unkept)])

ADMINS = {**SIGNED_IN, "role_needed": 403}
FOUND = {**ADMINS, "no_such_endpoint": 404}
CHANGED = {**FOUND, "endpoint_from_settings": 409}

EndpointId = Annotated[UUID, Path(description="The endpoint's `id`.")]


@router.post(
    "",
    status_code=201,
    summary="Add an endpoint",
    responses=documented(ADMINS, url_refused=422, too_many_endpoints=409),
)
async def create(body: NewEndpoint, _: CurrentAdmin, hooks: TheHooks, tx: Tx) -> EndpointWithSecret:
    """Send what happens from now on to this address, signed. The secret is shown in this answer and never again."""
    return _with_secret(await service.create(tx, hooks, **body.model_dump()))


@router.get("", summary="List endpoints", responses=documented(ADMINS))
async def listing(_: CurrentAdmin, tx: Tx) -> list[EndpointView]:
    """All endpoints, the oldest first."""
    return [EndpointView.model_validate(found) for found in await service.endpoints(tx)]


@router.get("/{endpoint_id}", summary="Read one endpoint", responses=documented(FOUND))
async def one(endpoint_id: EndpointId, _: CurrentAdmin, hooks: TheHooks, tx: Tx) -> EndpointWithBacklog:
    """One endpoint, and how many events wait for it."""
    view = EndpointView.model_validate(await service.one(tx, endpoint_id))
    return EndpointWithBacklog(**view.model_dump(), waiting=await service.waiting(hooks, endpoint_id))


@router.patch(
    "/{endpoint_id}", summary="Change, suspend or resume an endpoint", responses=documented(CHANGED, url_refused=422)
)
async def change(
    endpoint_id: EndpointId, body: EndpointChange, _: CurrentAdmin, hooks: TheHooks, tx: Tx
) -> EndpointView:
    """Change an endpoint. With `is_suspended` false it receives all that has waited."""
    return EndpointView.model_validate(await service.change(tx, hooks, endpoint_id, **body.model_dump()))


@router.delete("/{endpoint_id}", status_code=204, summary="Delete an endpoint", responses=documented(CHANGED))
async def delete(endpoint_id: EndpointId, _: CurrentAdmin, tx: Tx) -> None:
    """Delete an endpoint, with its log and whatever waits for it."""
    await service.delete(tx, endpoint_id)


@router.post("/{endpoint_id}/secret", status_code=201, summary="Rotate the secret", responses=documented(CHANGED))
async def rotate(endpoint_id: EndpointId, body: Rotation, _: CurrentAdmin, tx: Tx) -> EndpointWithSecret:
    """A new secret. The old ones sign beside it until `drop_others` ends that."""
    return _with_secret(await service.rotate(tx, endpoint_id, body.secret, drop_others=body.drop_others))


@router.post("/{endpoint_id}/test", summary="Send a test event", responses=documented(FOUND))
async def test(endpoint_id: EndpointId, _: CurrentAdmin, hooks: TheHooks) -> TestView:
    """Send one signed event of the kind `hooks.test` now; returns what came back."""
    notice, outcome = await service.test(hooks, endpoint_id)
    return TestView(
        webhook_id=notice.webhook_id,
        is_taken=outcome.is_taken,
        status=outcome.status,
        answer=outcome.answer,
        seconds=outcome.seconds,
    )


@router.get("/{endpoint_id}/log", summary="Read the delivery log", responses=documented(FOUND))
async def attempts(
    endpoint_id: EndpointId,
    _: CurrentAdmin,
    hooks: TheHooks,
    tx: Tx,
    before: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
) -> AttemptPage:
    """Every request and what came back, the latest first; the last thousand are kept."""
    rows = await service.attempts(tx, hooks, endpoint_id, before)
    views = [AttemptView(**dict(row), webhook_id=f"evt_{row['event_id'].hex}") for row in rows]
    return AttemptPage(attempts=views, next=views[-1].id if len(views) == LOG_PAGE else None)


@router.post(
    "/{endpoint_id}/replay",
    status_code=202,
    summary="Send events again",
    responses=documented(FOUND, no_such_event=404),
)
async def replay(endpoint_id: EndpointId, body: ReplayAsked, _: CurrentAdmin, hooks: TheHooks) -> ReplayView:
    """Send one event again, or those of a span of time, under the ids they had."""
    span = (body.since, body.until)
    events, following = await service.replay(hooks, endpoint_id, body.event_id, span, body.after)
    return ReplayView(events=events, next=following)


def _with_secret(found: Endpoint) -> EndpointWithSecret:
    return EndpointWithSecret(**EndpointView.model_validate(found).model_dump(), secret=found.secrets[0])
