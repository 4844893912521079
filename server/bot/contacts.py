"""Who writes from outside, as rows: found or made with a thread each, and changed by what was heard."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from server import ids
from server.bot.facts import ATTRIBUTES, attribute_changes
from server.bot.speech import Speech
from server.bot.statements import LOCK_THREAD, TELL, TOLD
from server.bot.updates import Outside
from server.chat.changes import record_opened
from server.chat.constants import Happening
from server.chat.names import OUTSIDE
from server.database import PlainConnection, Transaction

FOUND = """
SELECT chat_id, id, thread_id, language, language_heard, language_chosen FROM contacts
WHERE bot_id = $1 AND chat_id = ANY ($2::bigint[])
"""
MAKE = f"""
WITH asked AS (
  SELECT * FROM unnest($2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[])
  AS a(chat_id, id, thread_id, kind, name, language)
), threads_made AS (
  INSERT INTO threads (id, kind, subject, slug, epoch)
  SELECT thread_id, 'telegram', name, '{OUTSIDE}' || $1::bigint || ':' || chat_id, right(thread_id::text, 8) FROM asked
)
INSERT INTO contacts (id, bot_id, chat_id, thread_id, kind, name, language, seen_at)
SELECT id, $1::bigint, chat_id, thread_id, kind, name, language, now() FROM asked
"""
# The cursor moves along where all before it was relayed: what a contact wrote itself never goes out.
HEARD_FROM = """
UPDATE contacts c SET seen_at = now(),
  relayed_offset = CASE WHEN c.relayed_offset = h.first - 1 THEN h.last ELSE c.relayed_offset END
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS h(thread_id, first, last) WHERE c.thread_id = h.thread_id
"""
DESCRIBE = text("""
WITH was AS (
  SELECT id, attributes, jsonb_strip_nulls(attributes || CAST(:new AS jsonb)) AS becomes
  FROM contacts WHERE thread_id = :thread FOR UPDATE
)
UPDATE contacts c SET attributes = w.becomes FROM was w
WHERE c.id = w.id AND (SELECT count(*) FROM jsonb_object_keys(w.becomes)) <= :limit
RETURNING c.id, w.becomes <> w.attributes AS is_changed
""")


@dataclass(frozen=True, slots=True)
class Known:
    """A contact's row, as far as the drain needs it."""

    id: UUID
    thread_id: UUID
    speech: Speech
    is_new: bool = False


async def known(
    connection: PlainConnection, bot_id: int, people: Sequence[Outside], writing: Collection[int]
) -> dict[int, Known]:
    """The contact of each chat; those of chats that are `writing` are made, with a thread, where there were none.

    The caller holds the chats' order.
    """
    by_chat = {each.chat_id: each for each in people}
    rows = await connection.fetch(FOUND, bot_id, list(by_chat))
    found = {row[0]: Known(row[1], row[2], Speech(*row[3:])) for row in rows}
    new = [each for chat, each in by_chat.items() if chat not in found and chat in writing]
    if new:
        made = {each.chat_id: Known(ids.new(), ids.new(), Speech(each.language), is_new=True) for each in new}
        chats = [each.chat_id for each in new]
        own = [made[chat].id for chat in chats]
        threads = [made[chat].thread_id for chat in chats]
        facts = ([each.kind for each in new], [each.name for each in new], [each.language for each in new])
        await connection.execute(MAKE, bot_id, chats, own, threads, *facts)
        await record_opened(connection, threads)
        await connection.execute(TOLD, [ids.new() for _ in own], own, str(Happening.CONTACT_OPENED))
        found |= made
    return found


async def describe(tx: Transaction, thread_id: UUID, attributes: Mapping[str, object]) -> bool:
    """Set these attributes of the contact, as an admin may; False where nobody outside is, or they grow too many.

    Raises Invalid for what no attribute may be, whether there is a contact or not.
    """
    new = json.dumps(attribute_changes(attributes))
    await tx.session.execute(LOCK_THREAD, {"thread": thread_id})
    values = {"thread": thread_id, "new": new, "limit": ATTRIBUTES}
    found = (await tx.session.execute(DESCRIBE, values)).one_or_none()
    if found is not None and found.is_changed:
        told = {"own": [ids.new()], "contacts": [found.id], "kind": str(Happening.CONTACT_CHANGED)}
        await tx.session.execute(TELL, told)
    return found is not None
