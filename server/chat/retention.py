"""Removes what is older than the settings say: messages and all that hangs on them, old wordings, abandoned guests.

Each is a walk in small steps that holds nothing between two of them; any number of processes may walk at once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from uuid import UUID

from sqlalchemy import text

from server import clock, ids
from server.database import Database, Transaction

DAY_SECONDS = 86_400
BATCH = 500  # messages a transaction: their thread is locked for some milliseconds
WALK = 5_000  # rows looked at in one query
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)

OLD = "SELECT id, thread_id FROM messages WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3"
LOCK = text("SELECT 1 FROM threads WHERE id = :thread FOR UPDATE")
# Whatever has a smaller number than an old message goes with it, so that a thread is gone up to one number.
CLEAR = text("""
WITH last AS (
  SELECT max(number) AS number
  FROM (SELECT number, id FROM messages WHERE thread_id = :thread ORDER BY number LIMIT :batch) first
  WHERE id < :limit
), gone AS (
  DELETE FROM messages m USING last WHERE m.thread_id = :thread AND m.number <= last.number
  RETURNING m.id, m.number, m."offset"
)
SELECT array_agg(id), max(number), max("offset") FROM gone
""")
RAISE_FLOOR = text("""
UPDATE threads SET floor = greatest(floor, :offset), cleared = greatest(cleared, :number) WHERE id = :thread
""")
DROP_WORDS = text("DELETE FROM search_texts WHERE message_id = ANY (:gone)")
DROP_REVISIONS = text("DELETE FROM revisions WHERE message_id = ANY (:gone)")

OLD_REVISIONS = "DELETE FROM revisions WHERE id IN (SELECT id FROM revisions WHERE id < $1 ORDER BY id LIMIT $2)"

# Locked one by one: who posts meanwhile waits for nobody, and what is named a moment later was sent up within the day.
DROP_FILES = """
WITH due AS (
  SELECT id, thread_id FROM files WHERE checked_at < now() - interval '1 day'
  ORDER BY checked_at LIMIT $1 FOR UPDATE SKIP LOCKED
), named AS (
  SELECT DISTINCT d.id FROM due d JOIN messages m ON m.thread_id = d.thread_id
  WHERE m.kind IN ('photo', 'document') AND m.payload ->> 'file' = CAST(d.id AS text)
), seen AS (
  UPDATE files SET checked_at = now() WHERE id IN (SELECT id FROM named)
), gone AS (
  DELETE FROM files WHERE id IN (SELECT id FROM due EXCEPT SELECT id FROM named)
)
SELECT count(*) FROM due
"""
FILES = 100  # looked at in one query: each among the messages of its thread

GUESTS = "SELECT id FROM users WHERE is_guest AND id > $1 AND id < $2 ORDER BY id LIMIT $3"
# A guest whose session is over can never come back: nothing of them can change any more.
ABANDONED = """
DELETE FROM users u WHERE u.id = ANY ($1) AND u.is_guest AND u.erased_at IS NULL
  AND NOT EXISTS (SELECT FROM sessions s WHERE s.user_id = u.id AND s.revoked_at IS NULL AND s.expires_at > now())
  AND NOT EXISTS (SELECT FROM access_tokens a WHERE a.user_id = u.id AND a.revoked_at IS NULL
                  AND (a.expires_at IS NULL OR a.expires_at > now()))
  AND NOT EXISTS (SELECT FROM read_markers k JOIN messages m ON m.thread_id = k.thread_id AND m.author_id = k.user_id
                  WHERE k.user_id = u.id)
"""


async def forget_messages(database: Database, days: float) -> AsyncGenerator[int, None]:
    """Remove messages that were posted longer ago, with their old wordings, words for search and reactions.

    The thread's `floor` rises with them: whoever stood below it is told so when they come back.
    """
    limit, after = _before(days), FIRST
    while days:
        async with database.connection() as connection:
            rows = await connection.fetch(OLD, after, limit, WALK)
        for thread_id in dict.fromkeys(row[1] for row in rows):
            while count := await _clear(database, thread_id, limit):
                yield count
        if len(rows) < WALK:
            return
        after = rows[-1][0]


async def _clear(database: Database, thread_id: UUID, limit: UUID) -> int:
    async with database.transaction() as tx:
        return await clear(tx, thread_id, limit)


async def clear(tx: Transaction, thread_id: UUID, limit: UUID = LAST) -> int:
    """Remove the first messages of a thread that are older than this id, at most BATCH; returns how many."""
    await tx.session.execute(LOCK, {"thread": thread_id})
    values = {"thread": thread_id, "limit": limit, "batch": BATCH}
    gone, number, offset = (await tx.session.execute(CLEAR, values)).one()
    if gone is None:
        return 0
    await tx.session.execute(RAISE_FLOOR, {"thread": thread_id, "number": number, "offset": offset})
    # By statements of their own: what a sweep for search has written while we waited for its rows is seen here.
    await tx.session.execute(DROP_WORDS, {"gone": gone})
    await tx.session.execute(DROP_REVISIONS, {"gone": gone})
    return len(gone)


async def forget_revisions(database: Database, days: float) -> AsyncGenerator[int, None]:
    """Remove what edits and deletions replaced longer ago."""
    limit = _before(days)
    count = BATCH if days else 0
    while count == BATCH:
        async with database.connection() as connection:
            count = int((await connection.execute(OLD_REVISIONS, limit, BATCH)).split()[1])
        yield count


async def forget_files(database: Database) -> AsyncGenerator[int, None]:
    """Remove the files that no message names, looking at each once a day."""
    count = FILES
    while count == FILES:
        async with database.connection() as connection:
            count = int(await connection.fetchval(DROP_FILES, FILES))
        yield count


async def forget_guests(database: Database, days: float) -> AsyncGenerator[int, None]:
    """Remove guests who came longer ago, whose session is over, and of whom there is no message."""
    limit, after = _before(days), FIRST
    while days:
        async with database.connection() as connection:
            rows = await connection.fetch(GUESTS, after, limit, BATCH)
            guests = [row[0] for row in rows]
            count = int((await connection.execute(ABANDONED, guests)).split()[1]) if guests else 0
        yield count
        if len(rows) < BATCH:
            return
        after = guests[-1]


def _before(days: float) -> UUID:
    """Ids are made in the order of time: all that were made earlier are smaller."""
    return ids.earliest_at(max(0.0, clock.now().timestamp() - days * DAY_SECONDS))
