"""What happens to a thread besides posts, kept in its own transaction for those who tell it to systems outside."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from server import ids
from server.chat.constants import Happening
from server.database import PlainConnection, Transaction

# The caller has locked the thread: `posted` is exact, and the rows of a thread are numbered in their order.
_MESSAGE = text("""
INSERT INTO thread_changes (id, thread_id, posted, kind, data)
SELECT :id, t.id, t.posted, :kind, :data FROM threads t WHERE t.id = :thread
""")
_SHOWN = """CROSS JOIN LATERAL (
  SELECT t.id, t.kind, t.subject, t.status, t.slug, t.attached_to, t.created_by, t.handled_by, t.tags, t.posted, t.top,
         t.active_at, t.created_at
) r"""
_THREAD = text(f"""
INSERT INTO thread_changes (id, thread_id, posted, kind, data)
SELECT :id, t.id, t.posted, :kind, row_to_json(r)::text FROM threads t {_SHOWN} WHERE t.id = :thread
""")
_OPENED = f"""
INSERT INTO thread_changes (id, thread_id, posted, kind, data)
SELECT a.id, t.id, t.posted, '{Happening.OPENED}', row_to_json(r)::text
FROM unnest($1::uuid[], $2::uuid[]) AS a(id, thread_id) JOIN threads t ON t.id = a.thread_id {_SHOWN}
"""


async def record_message(tx: Transaction, happening: Happening, thread_id: UUID, message: str) -> None:
    """A message changed and is now this, as finished JSON. Its thread is locked."""
    values = {"id": ids.new(), "thread": thread_id, "kind": str(happening), "data": message}
    await tx.session.execute(_MESSAGE, values)


async def record_thread(tx: Transaction, happening: Happening, thread_id: UUID) -> None:
    """A thread is new, or changed; it is locked, and what changed is flushed."""
    await tx.session.execute(_THREAD, {"id": ids.new(), "thread": thread_id, "kind": str(happening)})


async def record_opened(connection: PlainConnection, threads: Sequence[UUID]) -> None:
    """These threads were made in this transaction."""
    await connection.execute(_OPENED, [ids.new() for _ in threads], threads)
