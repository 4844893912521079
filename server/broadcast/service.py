"""Campaigns: made, changed, started, paused, resumed, cancelled, cloned. Each act is checked, noted, and told."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from server import clock, ids, metrics
from server.auth.policy import Caller
from server.broadcast import statements
from server.broadcast.calendar import Schedule, next_time
from server.broadcast.constants import Act, CampaignState, DeliveryState
from server.broadcast.models import Campaign, CampaignEvent, Run
from server.broadcast.people import people, rules
from server.broadcast.policy import check, check_size
from server.broadcast.schemas import CampaignChange, NewCampaign
from server.broadcast.tasks import BeginRuns, DeliverCampaigns, KeepCampaigns
from server.database import Database, Transaction
from server.errors import Conflict, Missing, Unavailable
from server.queue import Task

LONG_SECONDS = 60.0  # for one statement over a whole audience
EVENTS_SHOWN = 200

S = CampaignState


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What the room works with; one a process, built by the roof."""

    database: Database
    say: Callable[[Task], None]
    bot_id: int
    operator_limit: int


async def is_there(broadcast: Broadcast, campaign_id: UUID) -> bool:
    """Whether there is such a campaign."""
    async with broadcast.database.connection() as connection:
        return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM campaigns WHERE id = $1)", campaign_id))


async def create(tx: Transaction, caller: Caller, new: NewCampaign, key: str | None) -> tuple[Campaign, bool]:
    """A new draft, and whether it is new: the same key by the same person is the campaign it made before."""
    values = new.model_dump(mode="json")
    made = insert(Campaign).values(id=ids.new(), created_by=caller.user, create_key=key, **values)
    found = await tx.session.scalar(made.on_conflict_do_nothing().returning(Campaign.id))
    if found is None:
        mine = select(Campaign).where(Campaign.created_by == caller.user, Campaign.create_key == key)
        return (await tx.session.scalars(mine)).one(), False
    _note(tx, found, "created", caller)
    return await tx.session.get_one(Campaign, found), True


async def listing(
    tx: Transaction, *, state: CampaignState | None, name: str | None, before: UUID | None, limit: int
) -> Sequence[Campaign]:
    """A page of campaigns, the newest first."""
    query = select(Campaign).where(Campaign.deleted_at.is_(None)).order_by(Campaign.id.desc()).limit(limit)
    if state is not None:
        query = query.where(Campaign.state == state)
    if name is not None:
        query = query.where(func.lower(Campaign.name).contains(name.lower(), autoescape=True))
    if before is not None:
        query = query.where(Campaign.id < before)
    return (await tx.session.scalars(query)).all()


async def one(tx: Transaction, campaign_id: UUID) -> Campaign:
    """One campaign; raises Missing."""
    return _living(await tx.session.get(Campaign, campaign_id))


async def change(tx: Transaction, caller: Caller, campaign_id: UUID, change: CampaignChange) -> Campaign:
    """Change what is given; raises Conflict for a campaign that runs or has run."""
    found = await _for(tx, campaign_id, Act.CHANGE)
    given = change.model_dump(mode="json", exclude_none=True)
    for field, value in given.items():
        setattr(found, field, value)
    if found.state == S.SCHEDULED and "schedule" in given:
        found.next_at = next_time(Schedule.model_validate(found.schedule), clock.now())
        if found.next_at is None:
            raise Conflict("no_time_to_come", "the schedule has no time to come; give another, or cancel the campaign")
    _note(tx, found.id, "changed", caller, ", ".join(given))
    found.changed_at = clock.now()
    await tx.session.flush()
    return found


async def start(
    tx: Transaction, room: Broadcast, caller: Caller, campaign_id: UUID, *, confirm: int | None, key: str | None
) -> Campaign:
    """Begin, now or when it is scheduled. The same key again changes nothing."""
    found = await _locked(tx, campaign_id)
    if key is not None and found.start_key == key:
        return found
    check(Act.START, S(found.state))
    count = await reach(room, found.audience)
    check_size(caller.role, count, confirm, room.operator_limit)
    found.start_key, found.changed_at = key, clock.now()
    schedule = Schedule.model_validate(found.schedule)
    found.next_at = next_time(schedule, clock.now())
    if found.next_at is None and not schedule.is_now:
        raise Conflict("no_time_to_come", "the schedule has no time to come; change it first")
    _note(tx, found.id, "started", caller, f"for {count} people")
    if found.next_at is None:
        await begin(tx, found, clock.now())
    else:
        found.state = S.SCHEDULED
    tx.after_commit(lambda: room.say(BeginRuns()))
    await tx.session.flush()
    return found


async def begin(tx: Transaction, campaign: Campaign, planned_at: datetime) -> Run:
    """One occurrence of a locked campaign, from now on; its audience is written down by a worker."""
    last = await tx.session.scalar(select(func.max(Run.number)).where(Run.campaign_id == campaign.id))
    campaign.state = S.RUNNING
    run = Run(
        campaign_id=campaign.id,
        number=(last or 0) + 1,
        content=campaign.content,
        audience=campaign.audience,
        schedule=campaign.schedule,
        planned_at=planned_at,
        on_unknown=campaign.on_unknown,
        per_second=_pace(campaign),
        paid_messages=campaign.paid_messages,
        ignores_cap=campaign.ignores_cap,
    )
    tx.session.add(run)
    await tx.session.flush()
    return run


def _pace(campaign: Campaign) -> float | None:
    """The slower of the two that may have been asked for."""
    per_hour = Schedule.model_validate(campaign.schedule).per_hour
    asked = [pace for pace in (campaign.per_second, per_hour and per_hour / 3600) if pace is not None]
    return min(asked, default=None)


async def pause(tx: Transaction, room: Broadcast, caller: Caller, campaign_id: UUID) -> Campaign:
    """Claim nothing more from the commit on. What is on its way is recorded as it ends."""
    return await _turn(tx, room, caller, campaign_id, (Act.PAUSE, S.PAUSED))


async def resume(tx: Transaction, room: Broadcast, caller: Caller, campaign_id: UUID) -> Campaign:
    """Go on with whoever was not told."""
    return await _turn(tx, room, caller, campaign_id, (Act.RESUME, S.RUNNING))


async def cancel(tx: Transaction, room: Broadcast, caller: Caller, campaign_id: UUID) -> Campaign:
    """End it. Whoever was not told has a row that says so, soon."""
    return await _turn(tx, room, caller, campaign_id, (Act.CANCEL, S.CANCELLED))


async def _turn(
    tx: Transaction, room: Broadcast, caller: Caller, campaign_id: UUID, turn: tuple[Act, CampaignState]
) -> Campaign:
    act, state = turn
    found = await _for(tx, campaign_id, act)
    before, found.state, found.why, found.changed_at = found.state, state, None, clock.now()
    if state == S.CANCELLED:
        found.next_at = None
    await tx.session.flush()
    changed = {"state": state, "in_a_row": 0, **({"ended_at": clock.now()} if state == S.CANCELLED else {})}
    runs = update(Run).where(Run.campaign_id == campaign_id, Run.is_open, Run.state == before)
    await tx.session.execute(runs.values(**changed))
    _note(tx, found.id, state, caller)
    tx.after_commit(lambda: room.say(DeliverCampaigns()))
    tx.after_commit(lambda: room.say(KeepCampaigns()))
    return found


async def delete(tx: Transaction, caller: Caller, campaign_id: UUID) -> None:
    """Take it from the lists; its runs, log and events stay."""
    found = await _for(tx, campaign_id, Act.DELETE)
    if found.state == S.SCHEDULED:
        found.state, found.next_at = S.CANCELLED, None
    found.deleted_at = clock.now()
    _note(tx, found.id, "deleted", caller)


async def clone(tx: Transaction, caller: Caller, campaign_id: UUID) -> Campaign:
    """A new draft of the same."""
    found = await one(tx, campaign_id)
    fields = [name for name in NewCampaign.model_fields if name in Campaign.__table__.columns]
    made = Campaign(created_by=caller.user, **{field: getattr(found, field) for field in fields})
    tx.session.add(made)
    await tx.session.flush()
    await tx.session.refresh(made)
    _note(tx, made.id, "cloned", caller, f"from {campaign_id}")
    return made


async def events(tx: Transaction, campaign_id: UUID) -> Sequence[CampaignEvent]:
    """What was done with it, the latest first."""
    await one(tx, campaign_id)
    query = select(CampaignEvent).where(CampaignEvent.campaign_id == campaign_id)
    return (await tx.session.scalars(query.order_by(CampaignEvent.id.desc()).limit(EVENTS_SHOWN))).all()


async def reach(room: Broadcast, audience: Any) -> int:
    """How many people it reaches now."""
    wanted, values = people(rules.validate_python(audience), room.bot_id, first=1)
    async with room.database.connection() as connection:
        return int(await connection.fetchval(statements.COUNT.format(people=wanted), *values, timeout=LONG_SECONDS))


async def look(room: Broadcast) -> None:
    """Set the figures of the runs that are not over; not a number while PostgreSQL does not answer."""
    try:
        async with room.database.connection() as connection:
            row = await connection.fetchrow(statements.FIGURES)
    except Unavailable:
        row = None
    for state in DeliveryState:
        metrics.campaign_recipients.labels(state).set(math.nan if row is None else row[state])


async def extend(tx: Transaction, room: Broadcast, caller: Caller, campaign_id: UUID) -> int:
    """Take in whom the audience has gained since the start; returns how many."""
    found = await _for(tx, campaign_id, Act.EXTEND)
    run = await _open_run(tx, campaign_id)
    wanted, values = people(rules.validate_python(run.audience), room.bot_id, first=5)
    connection = await plain(tx)
    made: int = await connection.fetchval(
        statements.FREEZE.format(people=wanted), run.id, clock.now(), [], [], *values, timeout=LONG_SECONDS
    )
    await connection.execute(statements.EXTENDED, run.id, made)
    _note(tx, found.id, "extended", caller, f"by {made} people")
    tx.after_commit(lambda: room.say(DeliverCampaigns()))
    return made


async def retry(
    tx: Transaction, room: Broadcast, caller: Caller, campaign_id: UUID, states: Sequence[DeliveryState]
) -> int:
    """Queue again what failed, or is unknown, in the latest run; returns how many. Nobody who was sent to."""
    found = await _for(tx, campaign_id, Act.RETRY)
    run = await latest(tx, campaign_id)
    if run is None or run.frozen_at is None:
        raise Conflict("not_frozen_yet", "its audience is still being written down; ask again in a moment")
    connection = await plain(tx)
    wanted = ", ".join(f"'{DeliveryState(state)}'" for state in states)
    count: int = 0
    if states:
        count = await connection.fetchval(statements.AGAIN.format(states=wanted), run.id, timeout=LONG_SECONDS)
    if count and found.state == S.COMPLETED:
        found.state, found.changed_at = S.RUNNING, clock.now()
        await tx.session.execute(update(Run).where(Run.id == run.id).values(state=S.RUNNING))
    _note(tx, found.id, "retried", caller, f"{count} deliveries: {', '.join(states)}")
    tx.after_commit(lambda: room.say(DeliverCampaigns()))
    return count


async def latest(tx: Transaction, campaign_id: UUID) -> Run | None:
    """The latest occurrence, as it is now."""
    query = select(Run).where(Run.campaign_id == campaign_id).order_by(Run.number.desc()).limit(1)
    return await tx.session.scalar(query.execution_options(populate_existing=True))


async def _open_run(tx: Transaction, campaign_id: UUID) -> Run:
    run = await latest(tx, campaign_id)
    if run is None or run.frozen_at is None:
        raise Conflict("not_frozen_yet", "its audience is still being written down; ask again in a moment")
    return run


async def plain(tx: Transaction) -> Any:
    """asyncpg's own connection, in the transaction of the session: for statements that have to count what they do."""
    connection = await tx.session.connection()
    return (await connection.get_raw_connection()).driver_connection


def _note(tx: Transaction, campaign_id: UUID, act: str, caller: Caller, detail: str | None = None) -> None:
    tx.session.add(CampaignEvent(campaign_id=campaign_id, act=act, by=caller.user, detail=detail))


async def _for(tx: Transaction, campaign_id: UUID, act: Act) -> Campaign:
    found = await _locked(tx, campaign_id)
    check(act, S(found.state))
    return found


async def _locked(tx: Transaction, campaign_id: UUID) -> Campaign:
    return _living(await tx.session.get(Campaign, campaign_id, with_for_update=True))


def _living(found: Campaign | None) -> Campaign:
    if found is None or found.deleted_at is not None:
        raise Missing("no_such_campaign", "there is no such campaign")
    return found
