"""What runs need beside their deliveries: they are begun, frozen, ended, and what a dead sender left is settled."""

from __future__ import annotations

from uuid import UUID

import asyncpg
from sqlalchemy import func, select

from server import clock, ids
from server.broadcast import statements
from server.broadcast.calendar import Schedule, next_time
from server.broadcast.constants import CampaignState
from server.broadcast.models import Campaign, CampaignEvent
from server.broadcast.people import people, rules
from server.broadcast.records import Records
from server.broadcast.service import ZONE, begin
from server.broadcast.telling import Herald
from server.database import Database
from server.logging import named

FREEZE_SECONDS = 120.0
REAPED = 500
CANCELLED = 5_000  # in one statement: others write the same counts meanwhile

log = named("broadcast")


class Steward:
    """Any number of processes may do all of this at once."""

    def __init__(self, database: Database, records: Records, herald: Herald, bot_id: int) -> None:
        self._database = database
        self._records = records
        self._herald = herald
        self._bot_id = bot_id

    async def begin(self) -> int:
        """Begin what is due, and freeze the audiences of runs that have none yet; returns of how many."""
        while await self._begin_due():
            pass
        async with self._database.connection() as connection:
            waiting = [row[0] for row in await connection.fetch(statements.UNFROZEN)]
        return sum([await self._freeze(run) for run in waiting])

    async def keep(self) -> int:
        """Settle what was lost, finish what was cancelled, end what is through, and tell; returns how many changed."""
        changed = 0
        async with self._database.connection() as connection:
            for row in await connection.fetch(statements.OPEN):
                await connection.execute(statements.REAP, row[0], REAPED, statements.LOST)
                changed += await connection.fetchval(statements.CANCEL, row[0], CANCELLED)
            done = await connection.fetch(statements.DONE)
            for row in done:
                if row["state"] == "cancelled":
                    await connection.execute(statements.CLOSED, row["id"])
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
            await begin(tx, found)
            found.next_at = next_time(Schedule.model_validate(found.schedule), clock.now(), ZONE)
            tx.session.add(CampaignEvent(campaign_id=found.id, act="begun"))
        return True

    async def is_active(self) -> bool:
        """Whether anything can be sent now."""
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(statements.IS_ACTIVE))

    async def _freeze(self, run: UUID) -> bool:
        """One transaction: whoever is killed in it leaves nothing, and another begins anew."""
        began = clock.monotonic()
        try:
            async with self._database.connection() as connection, connection.transaction():
                if not await connection.fetchval(statements.LOCK, str(run)):
                    return False  # somebody else is at it
                row = await connection.fetchrow(statements.FREEZING, run)
                if row is None:
                    return False
                wanted, values = people(rules.validate_json(row["audience"]), self._bot_id, first=2)
                statement = statements.FREEZE.format(people=wanted)
                count = await connection.fetchval(statement, run, *values, timeout=FREEZE_SECONDS)
                if await connection.fetchval(statements.FROZEN, run, count) is None:
                    raise _Cancelled
        except _Cancelled:
            return False
        except asyncpg.DataError as error:
            log.error("campaign_failed", run=str(run), why=str(error))
            async with self._database.connection() as connection:
                await connection.execute(statements.FAIL, run, f"its audience cannot be found: {error}", ids.new())
            return False
        log.info("run_frozen", run=str(run), people=count, seconds=round(clock.monotonic() - began, 2))
        return True


class _Cancelled(Exception):
    """The run was cancelled while its audience was written: nothing of it is kept."""
