"""Worker and scheduler programs whose work can be counted: each row of `deeds` shall have one effect."""

from __future__ import annotations

import os
import sys

import uvloop

from server.config import Settings
from server.database import Database
from server.logging import configure
from server.queue import Task
from workers import broker, schedule
from workers.duty import Duty
from workers.office import Office

LEASE = "DEED_LEASE"
BATCH = 100
# `effects` takes any number for a deed: a second one is kept and found, not refused.
TABLES = (
    "CREATE TABLE deeds (id bigint PRIMARY KEY, said_at timestamptz DEFAULT now(), is_done bool DEFAULT false)",
    "CREATE TABLE effects (deed bigint NOT NULL, cause text NOT NULL)",
)
CLAIM = "SELECT id FROM deeds WHERE id = $1 AND NOT is_done FOR UPDATE SKIP LOCKED"
# A nudge that was lost is made good after a second: until then the tasks have the first go.
DUE = f"SELECT id FROM deeds WHERE NOT is_done AND said_at < now() - interval '1 s' ORDER BY id LIMIT {BATCH}"


class DoDeed(Task):
    """Have this row's effect."""

    row: int


class Deeds:
    """Claim the row, take a moment, mark it in the same transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def carry(self, row: int) -> None:
        await self._do(row, "task")

    async def sweep(self) -> int:
        async with self._database.connection() as connection:
            rows = await connection.fetch(DUE)
        return sum([await self._do(row["id"], "sweep") for row in rows])

    async def _do(self, row: int, cause: str) -> bool:
        async with self._database.connection() as connection, connection.transaction():
            if await connection.fetchval(CLAIM, row) is None:
                return False
            await connection.execute("INSERT INTO effects VALUES ($1, $2)", row, cause)
            await connection.execute("SELECT pg_sleep(0.01)")
            await connection.execute("UPDATE deeds SET is_done = true WHERE id = $1", row)
            return True


def duties(office: Office) -> list[Duty]:
    deeds = Deeds(office.database)
    return [Duty(DoDeed, deeds.carry, sweep=deeds.sweep)]


if __name__ == "__main__":
    settings = Settings()
    configure(settings.log_level, settings.log_format)
    if sys.argv[1] == "work":
        uvloop.run(broker.run(settings, duties, lease_seconds=float(os.environ[LEASE])))
    else:
        uvloop.run(schedule.run(settings, duties))
