"""What is told of contacts to systems outside, in the transaction that makes or changes them."""

from __future__ import annotations

from sqlalchemy import text

_SHOWN = """CROSS JOIN LATERAL (
  SELECT c.id, c.thread_id, c.channel, c.chat_id, c.kind, c.name, c.language, c.tags, c.attributes, c.opted_out,
         c.blocked, c.user_id, c.seen_at, c.created_at
) r"""
# For systems outside. Whoever changes a contact locks its thread first, as a post does: so the change has its place.
LOCK = "SELECT FROM threads t JOIN contacts c ON c.thread_id = t.id WHERE c.id = $1 FOR UPDATE OF t"
LOCK_THREAD = text("SELECT id FROM threads WHERE id = :thread FOR UPDATE")


def _told(own: str, contacts: str, kind: str) -> str:
    return f"""
INSERT INTO thread_changes (id, thread_id, posted, kind, data)
SELECT a.id, t.id, t.posted, {kind}, row_to_json(r)::text
FROM unnest(CAST({own} AS uuid[]), CAST({contacts} AS uuid[])) AS a(id, contact_id)
JOIN contacts c ON c.id = a.contact_id JOIN threads t ON t.id = c.thread_id {_SHOWN}
"""


TOLD = _told("$1", "$2", "$3")
TELL = text(_told(":own", ":contacts", ":kind"))  # the same in a transaction of a session
