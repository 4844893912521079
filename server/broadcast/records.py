"""What became of deliveries, many in one statement; and a run that goes wrong is paused by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from server import ids, metrics
from server.broadcast import statements
from server.broadcast.constants import FIRST_SAME, IN_A_ROW, DeliveryState
from server.broadcast.telling import Herald
from server.database import Database
from server.logging import named

log = named("broadcast")


@dataclass(frozen=True, slots=True)
class Mark:
    """What became of one claim of one delivery."""

    run: UUID
    contact: UUID
    claim: int
    state: DeliveryState
    reason: str | None
    message_id: int | None = None
    wait_seconds: float = 0.0
    is_try: bool = False


class Records:
    """Rows first; then whether the run is at its end, or in trouble."""

    def __init__(self, database: Database, herald: Herald) -> None:
        self._database = database
        self._herald = herald

    async def write(self, marks: Sequence[Mark]) -> None:
        """Record them all, each run's in one statement."""
        by_run: dict[UUID, list[Mark]] = defaultdict(list)
        for mark in marks:
            by_run[mark.run].append(mark)
        for run, ones in by_run.items():
            async with self._database.connection() as connection:
                row = await connection.fetchrow(statements.RECORD, run, *_columns(ones))
            for one in ones:
                metrics.campaign_deliveries.labels(one.state).inc()
            if row is not None:
                await self._look_at(run, row, ones)

    async def _look_at(self, run: UUID, row: Any, ones: Sequence[Mark]) -> None:
        if row["state"] != "running":
            return
        if row["queued"] == 0 and row["sending"] == 0:
            await self.complete(run)
        elif row["in_a_row"] >= IN_A_ROW:
            last = next((one.reason for one in reversed(ones) if one.reason), "")
            await self.pause(run, f"{row['in_a_row']} deliveries failed in a row, the last with: {last}")
        elif row["sent"] == 0 and FIRST_SAME <= row["failed"] <= IN_A_ROW:
            await self._check_first(run)

    async def _check_first(self, run: UUID) -> None:
        async with self._database.connection() as connection:
            reasons = {row[0] for row in await connection.fetch(statements.FIRST_REFUSALS, run)}
        if len(reasons) == 1:
            await self.pause(run, f"the first {FIRST_SAME} were refused alike, so it is the message: {reasons.pop()}")

    async def pause(self, run: UUID, why: str) -> None:
        """Stop a run that goes wrong, and tell the operators. One that does not run any more is left alone."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(statements.PAUSE, run, why, ids.new())
        if row is not None:
            log.warning("campaign_paused", campaign=str(row["id"]), why=why)
            self._herald.notice(row["id"], row["name"], "paused", why)

    async def complete(self, run: UUID) -> None:
        """End a run to which nothing more happens; its campaign is completed, or waits for the next occurrence."""
        async with self._database.connection() as connection, connection.transaction():
            campaign = await connection.fetchrow(statements.OF_RUN, run)
            if campaign is not None and await connection.fetchval(statements.AT_ITS_END, run) is not None:
                await connection.execute(statements.COMPLETED, campaign["id"], ids.new())


def _columns(marks: Sequence[Mark]) -> list[list[Any]]:
    return [
        [one.contact for one in marks],
        [one.claim for one in marks],
        [one.state for one in marks],
        [one.reason for one in marks],
        [one.message_id for one in marks],
        [one.wait_seconds for one in marks],
        [one.is_try for one in marks],
    ]
