"""Campaigns over REST, for operators. Reads, calls one verb, answers."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from server.auth.dependencies import CurrentOperator
from server.broadcast import service, trial
from server.broadcast.buttons import presses
from server.broadcast.constants import NAME_CHARACTERS, PAGE_LIMIT, CampaignState, DeliveryState
from server.broadcast.dependencies import IdempotencyKey, TheBroadcast, TheTrial
from server.broadcast.schemas import (
    AudienceView,
    CampaignChange,
    CampaignPage,
    CampaignView,
    ChangedView,
    EventView,
    ForContact,
    NewCampaign,
    Person,
    PressesView,
    Retry,
    Start,
    TestView,
    TimelineView,
)
from server.broadcast.timeline import timeline
from server.broadcast.views import view, views
from server.codes import SIGNED_IN, documented
from server.inputs import Text
from server.web import Tx

router = APIRouter(prefix="/broadcast/campaign", tags=["campaigns"])

OPERATED = {**SIGNED_IN, "role_needed": 403}
FOUND = {**OPERATED, "no_such_campaign": 404}
TURNED = {**FOUND, "not_in_this_state": 409}
EXISTING: dict[int | str, dict[str, Any]] = {
    200: {"model": CampaignView, "description": "The campaign that this Idempotency-Key has made before."}
}

CampaignId = Annotated[UUID, Path(description="The campaign's `id`.")]


@router.post("", status_code=201, summary="Create a campaign", responses={**documented(OPERATED), **EXISTING})
async def create(
    body: NewCampaign, caller: CurrentOperator, tx: Tx, response: Response, idempotency_key: IdempotencyKey = None
) -> CampaignView:
    """A draft: nothing is sent before it is started."""
    made, is_new = await service.create(tx, caller, body, idempotency_key)
    response.status_code = 201 if is_new else 200
    return await view(tx, made)


@router.get("", summary="List campaigns", responses=documented(OPERATED))
async def listing(
    _: CurrentOperator,
    tx: Tx,
    *,
    state: Annotated[CampaignState | None, Query(description="Only those in this state.")] = None,
    name: Annotated[Text | None, Query(max_length=NAME_CHARACTERS, description="Only those with this in it.")] = None,
    before: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT, description="Campaigns on a page.")] = 30,
) -> CampaignPage:
    """Campaigns, the newest first, each with its latest run."""
    found = await service.listing(tx, state=state, name=name, before=before, limit=limit)
    return CampaignPage(campaigns=await views(tx, found), next=found[-1].id if len(found) == limit else None)


@router.get("/{campaign_id}", summary="Read one campaign", responses=documented(FOUND))
async def one(campaign_id: CampaignId, _: CurrentOperator, tx: Tx) -> CampaignView:
    """One campaign: how far it is, and what its state allows."""
    return await view(tx, await service.one(tx, campaign_id))


@router.patch("/{campaign_id}", summary="Change a campaign", responses=documented(TURNED, no_time_to_come=409))
async def change(campaign_id: CampaignId, body: CampaignChange, caller: CurrentOperator, tx: Tx) -> CampaignView:
    """Change a campaign before it runs; afterwards it is locked: clone it."""
    return await view(tx, await service.change(tx, caller, campaign_id, body))


@router.delete("/{campaign_id}", status_code=204, summary="Delete a campaign", responses=documented(TURNED))
async def delete(campaign_id: CampaignId, caller: CurrentOperator, tx: Tx) -> None:
    """Take a campaign from the lists where nothing of it runs. Its log stays."""
    await service.delete(tx, caller, campaign_id)


@router.post(
    "/{campaign_id}/start",
    summary="Start a campaign",
    responses=documented(TURNED, no_time_to_come=409, audience_too_large=403, count_not_confirmed=409),
)
async def start(
    campaign_id: CampaignId,
    body: Start,
    caller: CurrentOperator,
    room: TheBroadcast,
    tx: Tx,
    *,
    idempotency_key: IdempotencyKey = None,
) -> CampaignView:
    """Begin now, or when it is scheduled. Beyond CAMPAIGN_OPERATOR_LIMIT people an admin has to, and `confirm` them."""
    begun = await service.start(tx, room, caller, campaign_id, confirm=body.confirm, key=idempotency_key)
    return await view(tx, begun)


@router.post("/{campaign_id}/pause", summary="Pause a campaign", responses=documented(TURNED))
async def pause(campaign_id: CampaignId, caller: CurrentOperator, room: TheBroadcast, tx: Tx) -> CampaignView:
    """Stop sending, within two seconds."""
    return await view(tx, await service.pause(tx, room, caller, campaign_id))


@router.post("/{campaign_id}/resume", summary="Resume a campaign", responses=documented(TURNED))
async def resume(campaign_id: CampaignId, caller: CurrentOperator, room: TheBroadcast, tx: Tx) -> CampaignView:
    """Go on where it was paused; nobody is told twice."""
    return await view(tx, await service.resume(tx, room, caller, campaign_id))


@router.post("/{campaign_id}/cancel", summary="Cancel a campaign", responses=documented(TURNED))
async def cancel(campaign_id: CampaignId, caller: CurrentOperator, room: TheBroadcast, tx: Tx) -> CampaignView:
    """End a campaign; whoever was not told has a row that says `cancelled`."""
    return await view(tx, await service.cancel(tx, room, caller, campaign_id))


@router.post("/{campaign_id}/clone", status_code=201, summary="Clone a campaign", responses=documented(FOUND))
async def clone(campaign_id: CampaignId, caller: CurrentOperator, tx: Tx) -> CampaignView:
    """A new draft of the same."""
    return await view(tx, await service.clone(tx, caller, campaign_id))


@router.post(
    "/{campaign_id}/extend", summary="Take in late additions", responses=documented(TURNED, not_frozen_yet=409)
)
async def extend(campaign_id: CampaignId, caller: CurrentOperator, room: TheBroadcast, tx: Tx) -> ChangedView:
    """Add whom the audience has gained since the start; whoever is in it already stays as they are."""
    return ChangedView(deliveries=await service.extend(tx, room, caller, campaign_id))


@router.post("/{campaign_id}/retry", summary="Send again what failed", responses=documented(TURNED, not_frozen_yet=409))
async def retry(
    campaign_id: CampaignId, body: Retry, caller: CurrentOperator, room: TheBroadcast, tx: Tx
) -> ChangedView:
    """Send the latest run's failed or unknown deliveries again. Nobody who was sent to is among them."""
    given = {DeliveryState.FAILED: body.failed, DeliveryState.UNKNOWN: body.unknown}
    wanted = [state for state, is_wanted in given.items() if is_wanted]
    return ChangedView(deliveries=await service.retry(tx, room, caller, campaign_id, wanted))


@router.get("/{campaign_id}/audience", summary="Whom would it reach", responses=documented(FOUND))
async def audience(campaign_id: CampaignId, _: CurrentOperator, room: TheBroadcast, tx: Tx) -> AudienceView:
    """How many people it would reach now, and what some of them would read."""
    return await trial.audience(tx, room, campaign_id)


@router.post(
    "/{campaign_id}/preview",
    summary="Preview a campaign",
    responses=documented(FOUND, no_such_contact=404),
)
async def preview(campaign_id: CampaignId, body: ForContact, _: CurrentOperator, tx: Tx) -> Person:
    """What one person would read."""
    return await trial.preview(tx, campaign_id, body.contact_id)


@router.post(
    "/{campaign_id}/test",
    summary="Send a test",
    responses=documented(FOUND, no_such_contact=404, bot_is_off=409, unfit_content=422, bot_busy=503),
)
async def test(campaign_id: CampaignId, body: ForContact, caller: CurrentOperator, sender: TheTrial) -> TestView:
    """Send it to one person now, whatever its state. It is in no count and no log."""
    return await trial.send(sender, caller, campaign_id, body.contact_id)


@router.get("/{campaign_id}/events", summary="Who did what with it", responses=documented(FOUND))
async def events(campaign_id: CampaignId, _: CurrentOperator, tx: Tx) -> list[EventView]:
    """What was done with a campaign, when, and by whom; the latest first."""
    return [EventView.model_validate(event) for event in await service.events(tx, campaign_id)]


@router.get("/{campaign_id}/timeline", summary="How it went over time", responses=documented(FOUND))
async def over_time(campaign_id: CampaignId, _: CurrentOperator, tx: Tx) -> TimelineView:
    """How many deliveries of the latest run ended in each step of time, and how: enough for a chart."""
    return await timeline(tx, campaign_id)


@router.get("/{campaign_id}/presses", summary="Who pressed its buttons", responses=documented(FOUND))
async def pressed(campaign_id: CampaignId, _: CurrentOperator, tx: Tx) -> PressesView:
    """How often each button of the latest run was pressed, and by how many. Links are opened without us."""
    return await presses(tx, campaign_id)
