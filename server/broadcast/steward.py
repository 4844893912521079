"""What runs need beside their deliveries: they are begun, frozen, ended, and what a dead sender left is settled."""

from __future__ import annotations

from sqlalchemy import func, select

from server import clock
from server.broadcast import statements
from server.broadcast.calendar import Schedule, due_time, next_time
from server.broadcast.constants import CampaignState
from server.broadcast.freezing import Freezer
from server.broadcast.models import Campaign, CampaignEvent
from server.broadcast.records import Records
from server.broadcast.service import begin
from server.broadcast.telling import Herald
from server.database import Database

REAPED = 500
CANCELLED = 5_000  # in one statement: others write the same counts meanwhile


class Steward:
    """Any number of processes may do all of this at once."""

    def __init__(self, database: Database, records: Records, herald: Herald, freezer: Freezer) -> None:
        self._database = database
        self._records = records
        self._herald = herald
        self._freezer = freezer

    async def begin(self) -> int:
        """Begin what is due, and freeze the audiences of runs that have none yet; returns of how many."""
        while await self._begin_due():
            pass
        async with self._database.connection() as connection:
            waiting = [row[0] for row in await connection.fetch(statements.UNFROZEN)]
        return sum([await self._freezer.freeze(run) for run in waiting])

    async def keep(self) -> int:
        """Settle what was lost, finish what was cancelled, end what is through, and tell; returns how many changed."""
        changed = 0
        async with self._database.connection() as connection:
            for row in await connection.fetch(statements.OPEN):
                await connection.execute(statements.REAP, row[0], REAPED, statements.LOST)
                changed += await connection.fetchval(statements.CANCEL, row[0], CANCELLED)
            done = await connection.fetch(statements.DONE)
            spent = await connection.fetch(statements.OVERSPENT)
            for row in done:
                if row["state"] == "cancelled":
                    await connection.execute(statements.CLOSED, row["id"])
        for row in spent:
            why = f"its {row['paid_messages']} paid messages are sent; cancel it, and clone it for those who are left"
            await self._records.pause(row["id"], why)
        for row in done:
            if row["state"] == "running":
                await self._records.complete(row["id"])
        return changed + len(done) + await self._herald.tell_progress()

    async def _begin_due(self) -> bool:
        async with self._database.transaction() as tx:
            due = select(Campaign).where(Campaign.state == CampaignState.SCHEDULED, Campaign.next_at <= func.now())
            found = await tx.session.scalar(due.limit(1).with_for_update(skip_locked=True))
            if found is None:
                return False
            schedule, planned = Schedule.model_validate(found.schedule), found.next_at or clock.now()
            moment = due_time(schedule, planned, clock.now())
            found.next_at = next_time(schedule, clock.now())
            if moment is not None:
                await begin(tx, found, moment)
                tx.session.add(CampaignEvent(campaign_id=found.id, act="begun"))
            else:
                found.state = CampaignState.SCHEDULED if found.next_at else CampaignState.COMPLETED
                late = f"{planned.isoformat()} went by while nothing was running, longer ago than `grace_minutes`"
                tx.session.add(CampaignEvent(campaign_id=found.id, act="skipped", detail=late))
        return True

    async def is_active(self) -> bool:
        """Whether anything can be sent now."""
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(statements.IS_ACTIVE))
