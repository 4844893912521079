"""How people stand to threads and where these stand, fresh from the rows: those who ask at once share one query."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from server.auth.policy import Caller
from server.chat.constants import Capability, Kind
from server.chat.standing import Standing
from server.database import Database
from server.realtime.seam import Position

BATCH = 1_000  # askers in one query
REST_SECONDS = 0.005  # between two queries: a crowd that comes at once is some dozens of them

QUERY = """
SELECT t.id, t.kind, m.capability, t.slug, t.epoch, t.top, t.floor
FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS asked(thread_id, user_id, place)
LEFT JOIN threads t ON t.id = asked.thread_id
LEFT JOIN members m ON m.thread_id = asked.thread_id AND m.user_id = asked.user_id
ORDER BY asked.place
"""


@dataclass(frozen=True, slots=True)
class Found:
    """How somebody stands to a thread, where the thread stood in that moment, and up to where retention had gone."""

    standing: Standing
    position: Position
    floor: int


Asked = tuple[Caller, UUID]


class Entrance:
    """One query at a time: whoever asks meanwhile is in the next, so ten thousand joins cost some dozen queries."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Asked, asyncio.Future[Found | None]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def ask(self, caller: Caller, thread_id: UUID) -> Found | None:
        """Read after the call began; None where no such thread is. Raises Unavailable."""
        future: asyncio.Future[Found | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(((caller, thread_id), future))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._work_off())
        return await future

    async def of(self, asked: Sequence[Asked]) -> list[Found | None]:
        """The same for many, in their order."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERY, [thread for _, thread in asked], [who.user for who, _ in asked])
        return [
            None
            if row[0] is None
            else Found(
                Standing(row[0], Kind(row[1]), who.role, Capability(row[2]) if row[2] else None, row[3]),
                Position(row[4], row[5]),
                row[6],
            )
            for (who, _), row in zip(asked, rows, strict=True)
        ]

    async def _work_off(self) -> None:
        await asyncio.sleep(0)  # those who ask in the same turn of the loop come along
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            try:
                found = await self.of([asked for asked, _ in batch])
            except Exception as error:  # the askers deal with it; who asks next has a try of their own
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), one in zip(batch, found, strict=True):
                    if not future.done():
                        future.set_result(one)
            if self._waiting:
                await asyncio.sleep(REST_SECONDS)
