"""What is found out about messages after their post: language, and words for search."""

from __future__ import annotations

from dataclasses import dataclass

from server import clock, ids
from server.chat.language import language_of
from server.database import Database, PlainConnection

BATCH = 500
RECENT_SECONDS = 5.0
LATEST_SECONDS = 60.0  # no message is committed longer than this after its id was made: the journal gives up earlier
FULL_EVERY_SECONDS = 30.0
_ONE_AT_A_TIME = 7_200_451  # advisory lock: any number of sweepers may run, one works

_READ = """
SELECT m.thread_id, m.number, m.id, m.text,
       (SELECT p.language FROM messages p WHERE p.thread_id = m.thread_id AND p.number < m.number
        AND p.number > m.number - 20 AND p.language IS NOT NULL ORDER BY p.number DESC LIMIT 1) AS before
"""
PENDING = f"""{_READ} FROM messages m
WHERE m.id > $1 AND m.deleted_at IS NULL AND NOT EXISTS (SELECT FROM search_texts s WHERE s.message_id = m.id)
ORDER BY m.id LIMIT $2
"""
REWORDED = f"""{_READ} FROM search_texts s JOIN messages m ON m.id = s.message_id
WHERE s.is_reworded AND m.deleted_at IS NULL ORDER BY s.message_id LIMIT $1
"""
# The messages are read again, locked: an edit or a deletion since then must not leave its old words to search, nor the
# language of the old ones to the new.
STORE = """
WITH found AS (
  SELECT m.thread_id, m.number, m.id, m.text, f.language, m.text <> f.text AS is_reworded
  FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) AS f(thread_id, number, text, language)
  JOIN messages m ON m.thread_id = f.thread_id AND m.number = f.number
  WHERE m.deleted_at IS NULL FOR UPDATE OF m
), kept AS (
  INSERT INTO search_texts (message_id, thread_id, text, is_reworded)
  SELECT id, thread_id, text, is_reworded FROM found
  ON CONFLICT (message_id) DO UPDATE SET is_reworded = excluded.is_reworded
)
UPDATE messages m SET language = f.language FROM found f
WHERE m.thread_id = f.thread_id AND m.number = f.number AND f.language IS NOT NULL AND NOT f.is_reworded
  AND m.language IS NULL
"""


@dataclass(slots=True)
class Insight:
    """A sweep along the time-ordered ids; it remembers when it looked far back, so that a tick looks at seconds."""

    database: Database
    full_at: float = float("-inf")

    async def sweep(self) -> int:
        """Take in every message that is new or says something else; returns how many. One sweeper works at a time."""
        async with self.database.connection() as connection:
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _ONE_AT_A_TIME):
                return 0
            try:
                return await self._sweep(connection)
            finally:
                await connection.fetchval("SELECT pg_advisory_unlock($1)", _ONE_AT_A_TIME)

    async def _sweep(self, connection: PlainConnection) -> int:
        now = clock.monotonic()
        margin = RECENT_SECONDS if now - self.full_at < FULL_EVERY_SECONDS else LATEST_SECONDS
        last = await connection.fetchval("SELECT message_id FROM search_texts ORDER BY message_id DESC LIMIT 1")
        lowest = ids.earliest_at(0.0 if last is None else (last.int >> 80) / 1000 - margin)
        taken = await _take_in(connection, PENDING, lowest) + await _take_in(connection, REWORDED)
        if margin == LATEST_SECONDS:
            self.full_at = now
        return taken


async def _take_in(connection: PlainConnection, question: str, *values: object) -> int:
    taken = 0
    while rows := await connection.fetch(question, *values, BATCH):
        languages = [language_of(row["text"], row["before"]) for row in rows]
        columns = [[row[name] for row in rows] for name in ("thread_id", "number", "text")]
        await connection.execute(STORE, *columns, languages)
        taken += len(rows)
        if len(rows) < BATCH:
            break
    return taken
