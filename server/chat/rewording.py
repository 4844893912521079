"""Change the words of a message within a transaction of the caller's: for authors who are no signed-in people."""

from __future__ import annotations

from uuid import UUID

from server import ids
from server.chat.journal import Posted
from server.chat.statements import message_json
from server.chat.text import tags_in
from server.database import PlainConnection

# The thread is locked first, as by the journal.
REWORD = f"""
WITH moved AS (
  UPDATE threads SET top = top + 1 WHERE id = $1 RETURNING id, top, epoch, slug
), before AS (
  SELECT m.* FROM messages m JOIN moved ON moved.id = m.thread_id WHERE m.id = $2
), kept AS (
  INSERT INTO revisions (id, thread_id, message_id, text, tags, replaced_by)
  SELECT $5, thread_id, id, text, tags, author_id FROM before
), search AS (
  UPDATE search_texts SET text = $3, is_reworded = true WHERE message_id = $2
), changed AS (
  UPDATE messages m SET text = $3, tags = $4::text[], language = NULL, edited_at = now(), "offset" = moved.top
  FROM moved WHERE m.thread_id = moved.id AND m.id = $2 RETURNING m.*
)
SELECT c.id, c.thread_id, c.number, c."offset", moved.epoch, {message_json("c")}, moved.slug FROM changed c, moved
"""
UNCHANGED = "SELECT text = $3 OR deleted_at IS NOT NULL FROM messages WHERE thread_id = $1 AND id = $2"


async def reword(connection: PlainConnection, thread_id: UUID, message_id: UUID, text: str) -> Posted | None:
    """The message with other words, its old ones kept; None where nothing changes. Announce it after the commit."""
    if await connection.fetchval(UNCHANGED, thread_id, message_id, text) is not False:
        return None
    row = await connection.fetchrow(REWORD, thread_id, message_id, text, tags_in(text), ids.new())
    return None if row is None else Posted(*row)
