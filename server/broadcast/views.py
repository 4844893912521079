"""Campaigns as the doors show them: with their latest run, its counts and its pace."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from server.broadcast.constants import CampaignState
from server.broadcast.models import Campaign, Run, Told
from server.broadcast.policy import allowed
from server.broadcast.schemas import CampaignView, Counts, RunView
from server.database import Transaction


async def views(tx: Transaction, campaigns: Sequence[Campaign]) -> list[CampaignView]:
    """All of these, in their order; two queries, however many they are."""
    wanted = [campaign.id for campaign in campaigns]
    query = (
        select(Run, Told.pace)
        .outerjoin(Told, Told.run_id == Run.id)
        .where(Run.campaign_id.in_(wanted))
        .ext(distinct_on(Run.campaign_id))
        .order_by(Run.campaign_id, Run.number.desc())
        .execution_options(populate_existing=True)
    )
    runs: dict[UUID, RunView] = {}
    for run, pace in await tx.session.execute(query):
        runs[run.campaign_id] = _run(run, pace or 0.0)
    return [_campaign(campaign, runs.get(campaign.id)) for campaign in campaigns]


async def view(tx: Transaction, campaign: Campaign) -> CampaignView:
    """This one."""
    await tx.session.flush()
    return (await views(tx, [campaign]))[0]


def _campaign(campaign: Campaign, run: RunView | None) -> CampaignView:
    fields = {name: getattr(campaign, name) for name in CampaignView.model_fields if name not in ("allows", "run")}
    return CampaignView(**fields, allows=allowed(CampaignState(campaign.state)), run=run)


def _run(run: Run, pace: float) -> RunView:
    is_moving = run.state == CampaignState.RUNNING and pace > 0
    return RunView(
        id=run.id,
        number=run.number,
        state=CampaignState(run.state),
        counts=Counts.model_validate(run),
        per_second=round(pace, 1) if is_moving else 0.0,
        eta_seconds=round((run.queued + run.sending) / pace, 1) if is_moving else None,
        started_at=run.started_at,
        frozen_at=run.frozen_at,
        ended_at=run.ended_at,
    )
