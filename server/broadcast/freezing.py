"""Writes down whom a run is for, and tries its message on every one of them before anybody is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from server import clock, ids
from server.bot.facts import is_zone
from server.broadcast import statements
from server.broadcast.calendar import Schedule, due_for
from server.broadcast.people import people, rules
from server.broadcast.records import Records
from server.broadcast.telling import Herald
from server.broadcast.template import Content, DryRun, Recipient, dry_run
from server.database import Database, PlainConnection
from server.logging import named

FREEZE_SECONDS = 120.0  # for one statement
TRIED = 5_000  # people in memory
NAMED = 5  # missing variables in the reason; the log has them all

Row = Any
log = named("broadcast")


class Freezer:
    """One transaction a run: whoever is killed in it leaves nothing, and another begins anew."""

    def __init__(self, database: Database, records: Records, herald: Herald, bot_id: int) -> None:
        self._database = database
        self._records = records
        self._herald = herald
        self._bot_id = bot_id

    async def freeze(self, run: UUID) -> bool:
        """False where somebody else is at it, or the run was cancelled meanwhile."""
        began = clock.monotonic()
        try:
            async with self._database.connection() as connection, connection.transaction():
                paused = await self._freeze(connection, run)
        except _Nothing:
            return False
        except asyncpg.DataError as error:
            log.error("campaign_failed", run=str(run), why=str(error))
            async with self._database.connection() as connection:
                await connection.execute(statements.FAIL, run, f"its audience cannot be found: {error}", ids.new())
            return False
        if paused is not None:
            self._herald.notice(paused["id"], paused["name"], "paused", paused["why"])
        await self._records.complete(run)  # where there is nobody to tell
        log.info("run_frozen", run=str(run), seconds=round(clock.monotonic() - began, 2))
        return True

    async def _freeze(self, connection: PlainConnection, run: UUID) -> Row:
        """Returns the campaign that was paused because of what the trial has found."""
        if not await connection.fetchval(statements.LOCK, str(run)):
            raise _Nothing
        row = await connection.fetchrow(statements.FREEZING, run)
        if row is None:
            raise _Nothing
        rule, schedule = rules.validate_json(row["audience"]), Schedule.model_validate_json(row["schedule"])
        wanted, values = people(rule, self._bot_id, first=5)
        times = await self._times(connection, schedule, row["planned_at"])
        statement = statements.FREEZE.format(people=wanted)
        count = await connection.fetchval(statement, run, *times, *values, timeout=FREEZE_SECONDS)
        found = await _tried(connection, run, Content.model_validate_json(row["content"]))
        paused = None
        if found.unfit:
            reasons = ["; ".join(f"{fault.field}: {fault.message}" for fault in one.faults) for one in found.findings]
            unfit = [one.contact_id for one in found.findings]
            await connection.execute(statements.UNFIT, run, unfit, reasons)
            paused = await connection.fetchrow(statements.PAUSE, run, _why(found, count), ids.new())
        failed = len(found.findings)
        if await connection.fetchval(statements.FROZEN, run, count - failed, failed) is None:
            raise _Nothing
        return paused

    async def _times(
        self, connection: PlainConnection, schedule: Schedule, planned_at: datetime
    ) -> tuple[datetime, list[str], list[datetime]]:
        """When people are told whose zone nobody knows, the zones of the others, and when those are told."""
        zones: Sequence[Row] = []
        if schedule.local or schedule.quiet_from is not None or schedule.weekdays is not None:
            zones = await connection.fetch(statements.ZONES, timeout=FREEZE_SECONDS)
        known = [row[0] for row in zones if is_zone(row[0])]
        return due_for(schedule, planned_at, None), known, [due_for(schedule, planned_at, zone) for zone in known]


async def _tried(connection: PlainConnection, run: UUID, content: Content) -> DryRun:
    """The message on everybody. What is the same for all was tried when it was written."""
    if not any(variant.filling.uses or variant.buttons for variant in content.variants.values()):
        return DryRun()
    return await dry_run(content, _recipients(connection, run, content))


async def _recipients(connection: PlainConnection, run: UUID, content: Content) -> AsyncIterator[Recipient]:
    """Whom it may not fit; most audiences are sorted out by PostgreSQL, in a tenth of the time."""
    doubt, values = in_doubt(content, first=4)
    last = UUID(int=0)
    query = statements.RECIPIENTS.format(doubt=doubt)
    while rows := await connection.fetch(query, run, last, TRIED, *values, timeout=FREEZE_SECONDS):
        for contact, language, variables in rows:
            yield Recipient(contact, language, msgspec.json.decode(variables))
        last = rows[-1][0]


def in_doubt(content: Content, first: int) -> tuple[str, list[object]]:
    """A condition over `deliveries d`: false only where every variant surely fits. As `fits_surely`, and no looser."""
    variants = content.variants.values()
    if not all(variant.is_plain for variant in variants):
        return "true", []
    uses: Counter[str] = Counter()
    for variant in variants:
        for name, count in variant.filling.uses:
            uses[name] = max(uses[name], count)
    values: list[object] = [min(variant.limit - 2 * variant.filling.length for variant in variants)]
    there, length = [], ["0"]
    for name, count in uses.items():
        values.append(name)
        value = f"(d.variables ->> ${first + len(values) - 1}::text)"
        kind = f"jsonb_typeof(d.variables -> ${first + len(values) - 1}::text) = 'string'"
        there.append(f"{kind} AND {value} ~ '[[:alnum:]]'")
        length.append(f"{2 * count} * length({value})")
    fits = " AND ".join([*there, f"{' + '.join(length)} <= ${first}::int"])
    return f"({fits}) IS NOT TRUE", values


def _why(found: DryRun, count: int) -> str:
    lacking = ", ".join(f"`{name}` is missing for {count}" for name, count in found.missing.most_common(NAMED))
    return (
        f"{found.unfit} of {count} people cannot be told as it is written{': ' if lacking else ''}{lacking}; "
        "resume it to tell the others"
    )


class _Nothing(Exception):
    """There is nothing to freeze, or nothing of it is kept."""
