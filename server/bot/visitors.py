"""People on the web are contacts, too: one each, with the conversation that they opened last."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from uuid import UUID

from sqlalchemy import text

from server import ids
from server.auth.erasure import Order, Room
from server.bot.statements import TELL
from server.chat.constants import Happening
from server.database import Database, Transaction

LISTENED = FORGOTTEN = 500  # people in one statement
HOUR_SECONDS = 3600  # after somebody opened a conversation, for finding out in which language they write

# Operators who open a conversation are not outside.
MEET = text("""
INSERT INTO contacts (id, thread_id, user_id, channel, kind, name, language, seen_at)
SELECT :own, t.id, u.id, 'web', 'private', u.name, u.language, now()
FROM threads t JOIN users u ON u.id = t.created_by WHERE t.id = :thread AND u.role = 'user'
ON CONFLICT (user_id) WHERE channel = 'web' DO UPDATE
  SET thread_id = excluded.thread_id, name = excluded.name, seen_at = excluded.seen_at
RETURNING id, id = :own AS is_new
""")
LISTEN = """
WITH heard AS (
  SELECT c.id, m.language FROM contacts c CROSS JOIN LATERAL (
    SELECT language FROM messages m
    WHERE m.thread_id = c.thread_id AND m.author_id = c.user_id AND m.language IS NOT NULL ORDER BY m.number LIMIT 1
  ) m
  WHERE c.channel = 'web' AND c.language IS NULL AND c.seen_at > now() - make_interval(secs => $1)
  LIMIT $2 FOR UPDATE OF c SKIP LOCKED
)
UPDATE contacts c SET language = h.language FROM heard h WHERE c.id = h.id RETURNING c.id
"""
ERASE = "DELETE FROM contacts WHERE channel = 'web' AND user_id = $1 RETURNING id"
LEFT = """
DELETE FROM contacts WHERE id IN (SELECT id FROM contacts WHERE channel = 'web' AND user_id IS NULL LIMIT $1)
RETURNING id
"""


async def meet(tx: Transaction, thread_id: UUID) -> None:
    """Somebody has opened a conversation: it is the one in which they are talked with from now on."""
    met = (await tx.session.execute(MEET, {"own": ids.new(), "thread": thread_id})).one_or_none()
    if met is not None:
        kind = Happening.CONTACT_OPENED if met.is_new else Happening.CONTACT_CHANGED
        await tx.session.execute(TELL, {"own": [ids.new()], "contacts": [met.id], "kind": str(kind)})


async def listen(database: Database) -> int:
    """The language of whoever has not said theirs is that of what they wrote first; returns of how many it is new."""
    async with database.connection() as connection:
        return len(await connection.fetch(LISTEN, HOUR_SECONDS, LISTENED))


async def forget(database: Database) -> AsyncGenerator[int, None]:
    """Whose account is gone, as that of a guest who never came back, is no contact any more."""
    count = FORGOTTEN
    while count == FORGOTTEN:
        async with database.connection() as connection:
            count = len(await connection.fetch(LEFT, FORGOTTEN))
        yield count


def eraser(database: Database) -> Room:
    """This room's part in an erasure. On Telegram they stay whoever they are there, but belong to no account."""

    async def erase(order: Order) -> AsyncGenerator[int, None]:
        async with database.connection() as connection:
            yield len(await connection.fetch(ERASE, order.user))

    return erase
