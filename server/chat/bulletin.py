"""Unread counts, who has read how far, and the operators' inbox: said at most twice a second for each thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

import msgspec

from server.chat.constants import MEMBERS_LIMIT
from server.chat.events import Read
from server.chat.names import THREAD
from server.database import Database
from server.errors import Unavailable
from server.logging import named

EVERY_SECONDS = 0.5  # operators hear within a second that a person is called
THREADS_LIMIT = 10_000  # that wait; one noted beyond is told of when it is next posted to
THREADS_AT_ONCE = 200
PEOPLE_LIMIT = 2 * MEMBERS_LIMIT  # told in one go; the counts of very large groups come with the next reading

# PostgreSQL writes both in the form of `events.Unread` and `events.Line`; a test reads them as those.
NEWS = """
SELECT 'user:' || m.user_id, CAST(json_build_object(
         'type', 'unread', 'thread_id', t.id, 'unread', t.posted - greatest(k.number, t.cleared),
         'posted', t.posted) AS text)
FROM (SELECT * FROM threads WHERE id = ANY ($1)) t JOIN members m ON m.thread_id = t.id
LEFT JOIN read_markers k ON k.thread_id = t.id AND k.user_id = m.user_id
LIMIT $2
"""
LINES = """
SELECT 'inbox', CAST(json_build_object(
         'type', 'thread', 'thread_id', id, 'kind', kind, 'subject', subject, 'status', status, 'tags', tags,
         'handled_by', handled_by, 'waiting_since', waiting_since, 'posted', posted, 'active_at', active_at) AS text)
FROM threads WHERE id = ANY ($1) AND kind IN ('support', 'telegram')
"""

log = named("bulletin")


class Bulletin:
    """`tell` says finished JSON to a channel."""

    def __init__(self, database: Database, tell: Callable[[str, bytes], None]) -> None:
        self._database = database
        self._tell = tell
        self._noted: dict[UUID, None] = {}
        self._readers: dict[UUID, dict[UUID, int]] = {}
        self._wake = asyncio.Event()
        self._teller: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start to tell."""
        self._teller = asyncio.create_task(self._keep_telling(), name="bulletin")

    async def close(self) -> None:
        """Stop; what was noted and not told is seen with the next reading."""
        if self._teller is not None:
            self._teller.cancel()
            await asyncio.wait([self._teller])

    def note(self, thread_id: UUID) -> None:
        """Something happened in this thread."""
        if len(self._noted) < THREADS_LIMIT:
            self._noted[thread_id] = None
            self._wake.set()

    def note_reader(self, thread_id: UUID, user_id: UUID, number: int) -> None:
        """Somebody has read so far in this thread."""
        if len(self._readers) < THREADS_LIMIT:
            self._readers.setdefault(thread_id, {})[user_id] = number
            self._wake.set()

    def _tell_of_readers(self) -> None:
        """One message for all who have read in a thread: a thousand readers would be a million deliveries."""
        readers, self._readers = self._readers, {}
        for thread_id, numbers in readers.items():
            self._tell(f"{THREAD}{thread_id}", msgspec.json.encode(Read(thread_id, numbers)))

    async def _keep_telling(self) -> None:
        while True:
            await self._wake.wait()
            self._tell_of_readers()
            some = list(self._noted)[:THREADS_AT_ONCE]
            for thread_id in some:
                del self._noted[thread_id]
            if not self._noted:
                self._wake.clear()
            try:
                if some:
                    await self._tell_of(some)
            except Unavailable as why:
                log.info("bulletin_untold", why=why.detail)  # counts are read with the list of threads, too
            except Exception:
                log.exception("bulletin_failed")
            await asyncio.sleep(EVERY_SECONDS)

    async def _tell_of(self, threads: list[UUID]) -> None:
        async with self._database.connection() as connection:
            rows = [*await connection.fetch(NEWS, threads, PEOPLE_LIMIT), *await connection.fetch(LINES, threads)]
        for channel, data in rows:
            self._tell(channel, data.encode())
