"""Callers who wait for the assistant's reply to what they posted: one query for all of them, ten times a second."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

from server.chat.constants import AuthorKind
from server.chat.statements import message_json
from server.database import Database
from server.errors import Unavailable
from server.logging import named

EVERY_SECONDS = 0.1
WAITING_LIMIT = 5_000  # callers of one process; one beyond is answered at once, without a reply

FIRST = f"""
SELECT w.place, {message_json("r")}
FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS w(thread_id, number, place)
CROSS JOIN LATERAL (
  SELECT * FROM messages m
  WHERE m.thread_id = w.thread_id AND m.number > w.number AND m.author_kind = '{AuthorKind.ASSISTANT}'
  ORDER BY m.number LIMIT 1
) r
"""

log = named("replies")


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    thread_id: UUID
    number: int
    reply: asyncio.Future[str]


class Replies:
    """Reads rows instead of listening to news: whatever is lost on the way, a reply is found."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: set[_Waiting] = set()
        self._reader: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Whoever still waits goes without."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        for each in self._waiting:
            each.reply.cancel()

    async def first(self, thread_id: UUID, number: int, wait_seconds: float) -> str | None:
        """The assistant's first message after this one, as finished JSON; None when none comes in that time."""
        if len(self._waiting) >= WAITING_LIMIT:
            return None
        mine = _Waiting(thread_id, number, asyncio.get_running_loop().create_future())
        self._waiting.add(mine)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read(), name="replies")
        try:
            await asyncio.wait([mine.reply], timeout=wait_seconds)
            return mine.reply.result() if mine.reply.done() and not mine.reply.cancelled() else None
        finally:
            self._waiting.discard(mine)

    async def _read(self) -> None:
        while self._waiting:
            asked = list(self._waiting)
            try:
                async with self._database.connection() as connection:
                    rows = await connection.fetch(
                        FIRST, [each.thread_id for each in asked], [each.number for each in asked]
                    )
            except Unavailable:
                rows = []
            except Exception:  # those who wait are not told an error: what they posted is safe
                log.exception("replies_unread")
                rows = []
            for place, found in rows:
                if not asked[place - 1].reply.done():
                    asked[place - 1].reply.set_result(str(found))
            await asyncio.sleep(EVERY_SECONDS)
