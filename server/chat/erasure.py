"""What the chat room removes of a person who is erased. Each message that changes is a change like any other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from itertools import groupby
from uuid import UUID

from sqlalchemy import TextClause, text

from server.auth.erasure import Order
from server.chat.announcer import Announcer
from server.chat.constants import Capability
from server.chat.journal import Posted
from server.chat.retention import FIRST, clear
from server.chat.statements import message_json
from server.database import Database, Transaction

BATCH = 200  # messages a transaction: others may post between two of them
KNOWN = 20_000  # of a thread's messages that are looked up at once
WALK = 2_000  # threads, or messages with reactions, in one query

# Where they belong, where they have spoken (the journal moves the marker of every author), and what they opened. A
# direct thread, and one in which they are alone with the house or with themselves, goes as a whole.
THREADS = """
SELECT t.id, t.kind = 'direct' OR t.slug = 'own:' || $1::text OR (
         NOT EXISTS (SELECT FROM members o WHERE o.thread_id = t.id AND o.user_id <> $1)
         AND (t.kind = 'support' AND t.created_by = $1
              OR t.kind = 'group' AND EXISTS (SELECT FROM members o WHERE o.thread_id = t.id))) AS is_theirs
FROM threads t JOIN (
  SELECT thread_id FROM members WHERE user_id = $1 UNION SELECT thread_id FROM read_markers WHERE user_id = $1
  UNION SELECT id FROM threads WHERE created_by = $1
) theirs ON theirs.thread_id = t.id
WHERE t.id > $2 ORDER BY t.id LIMIT $3
"""
LOCK = text("SELECT epoch, slug, kind FROM threads WHERE id = :thread FOR UPDATE")
NEXT_OFFSETS = text("UPDATE threads SET top = top + :count WHERE id = :thread")

_LEFT = """m.thread_id = {thread} AND m.author_id = {user} AND (m.deleted_at IS NULL OR m.client_id IS NOT NULL
        OR EXISTS (SELECT FROM revisions r WHERE r.message_id = m.id))"""
SPOKEN = f"SELECT m.number FROM messages m WHERE {_LEFT.format(thread='$1', user='$2')} LIMIT $3"
HAS_SPOKEN = text(f"SELECT EXISTS (SELECT FROM messages m WHERE {_LEFT.format(thread=':thread', user=':user')})")
_RENUMBERED = f"""
FROM threads t, unnest(CAST(:numbers AS bigint[])) WITH ORDINALITY AS c(number, step)
WHERE t.id = :thread AND m.thread_id = :thread AND m.number = c.number
RETURNING m.id, m.thread_id, m.number, m."offset", t.epoch, {message_json("m")}, t.slug
"""
EMPTY = text(f"""
UPDATE messages m SET text = '', tags = '{{}}', payload = NULL, client_id = NULL, language = NULL, reactions = '{{}}',
       deleted_at = coalesce(m.deleted_at, now()), "offset" = t.top + c.step
{_RENUMBERED}""")
UNREACT = text(f"""
UPDATE messages m SET "offset" = t.top + c.step, reactions = coalesce((
         SELECT jsonb_object_agg(emoji, people - CAST(CAST(:user AS uuid) AS text))
         FROM jsonb_each(m.reactions) AS e(emoji, people)
         WHERE people <> jsonb_build_array(CAST(CAST(:user AS uuid) AS text))), '{{}}')
{_RENUMBERED}""")
STILL_SPOKEN = text(f"""
SELECT m.number FROM messages m WHERE {_LEFT.format(thread=":thread", user=":user")} AND m.number = ANY (:numbers)
ORDER BY m.number
""")
STILL_REACTED = text("""
SELECT number FROM messages WHERE thread_id = :thread AND number = ANY (:numbers)
  AND strpos(CAST(reactions AS text), CAST(CAST(:user AS uuid) AS text)) > 0 ORDER BY number
""")
DROP_WORDS = text("DELETE FROM search_texts WHERE message_id = ANY (:gone)")
DROP_REVISIONS = text("DELETE FROM revisions WHERE message_id = ANY (:gone)")

REACTED = """
SELECT id, thread_id, number, strpos(reactions::text, $1::text) > 0 FROM messages
WHERE reactions <> '{}' AND id > $2 ORDER BY id LIMIT $3
"""

LEAVE = text("DELETE FROM members WHERE thread_id = :thread AND user_id = :user")
UNREAD = text("DELETE FROM read_markers WHERE thread_id = :thread AND user_id = :user")
PROMOTE = text("""
UPDATE members SET capability = 'manage' WHERE thread_id = :thread AND user_id = (
  SELECT user_id FROM members WHERE thread_id = :thread ORDER BY joined_at, user_id LIMIT 1)
  AND NOT EXISTS (SELECT FROM members WHERE thread_id = :thread AND capability = 'manage')
RETURNING user_id
""")
PUT_OUT = text("DELETE FROM members WHERE thread_id = :thread AND user_id <> :user RETURNING user_id")
UNNAME = text("UPDATE threads SET slug = NULL WHERE id = :thread")
NOTES = text("SELECT id FROM threads WHERE attached_to = :thread")
DROP = text("DELETE FROM threads WHERE id = :thread RETURNING id")


class Eraser:
    """`erase` is this room's part in an erasure (`server.auth.erasure.Room`)."""

    def __init__(self, database: Database, announcer: Announcer) -> None:
        self._database = database
        self._announcer = announcer

    async def erase(self, order: Order) -> AsyncGenerator[int, None]:
        """Thread by thread, then their reactions wherever they are."""
        after, is_full = FIRST, True
        while is_full:
            async with self._database.connection() as connection:
                rows = await connection.fetch(THREADS, order.user, after, WALK)
            for thread_id, is_theirs in rows:
                async for count in self._drop(order, thread_id) if is_theirs else self._leave(order, thread_id):
                    yield count
            is_full = len(rows) == WALK
            after = rows[-1][0] if rows else after
        async for count in self._unreact(order):
            yield count

    async def _drop(self, order: Order, thread_id: UUID) -> AsyncGenerator[int, None]:
        """The whole thread, and the notes on it. First nobody else is in it any more, so that nobody reads the rest."""
        async with self._database.transaction() as tx:
            await tx.session.execute(LOCK, {"thread": thread_id})
            await tx.session.execute(UNNAME, {"thread": thread_id})
            others = await tx.session.scalars(PUT_OUT, {"thread": thread_id, "user": order.user})
            self._tell_removed(tx, thread_id, [*others, order.user])
            notes = (await tx.session.scalars(NOTES, {"thread": thread_id})).all()
        for each in (*notes, thread_id):
            count = 1
            while count:
                async with self._database.transaction() as tx:
                    count = await clear(tx, each)
                    if count:
                        await order.count(tx, messages=count)
                    elif (await tx.session.scalars(DROP, {"thread": each})).first():
                        await order.count(tx, threads=1)
                        self._tell_removed(tx, each, [order.user])
                yield count

    def _tell_removed(self, tx: Transaction, thread_id: UUID, people: Sequence[UUID]) -> None:
        for person in people:
            tx.after_commit(lambda person=person: self._announcer.removed(person, thread_id))  # type: ignore[misc]

    async def _leave(self, order: Order, thread_id: UUID) -> AsyncGenerator[int, None]:
        """Empty what they said in a thread of others, then take them out of it."""
        is_in = True
        while is_in:
            async with self._database.connection() as connection:
                numbers = sorted(row[0] for row in await connection.fetch(SPOKEN, thread_id, order.user, KNOWN))
            for start in range(0, len(numbers), BATCH):
                yield await self._empty(order, thread_id, numbers[start : start + BATCH])
            async with self._database.transaction() as tx:
                is_in = not await self._take_out(tx, order.user, thread_id)

    async def _take_out(self, tx: Transaction, user_id: UUID, thread_id: UUID) -> bool:
        """False where they have said something in the last moment, which has to go first."""
        values = {"thread": thread_id, "user": user_id}
        thread = (await tx.session.execute(LOCK, values)).first()
        if await tx.session.scalar(HAS_SPOKEN, values):
            return False
        await tx.session.execute(LEAVE, values)
        await tx.session.execute(UNREAD, values)
        self._tell_removed(tx, thread_id, [user_id])
        if thread is not None and thread[2] == "group":
            manager = await tx.session.scalar(PROMOTE, values)
            if manager is not None:
                tx.after_commit(lambda: self._announcer.admitted(manager, thread_id, Capability.MANAGE))
        return True

    async def _empty(self, order: Order, thread_id: UUID, numbers: Sequence[int]) -> int:
        async with self._database.transaction() as tx:
            changed = await self._change(tx, order, thread_id, (STILL_SPOKEN, EMPTY), numbers)
            gone = {"gone": [one.id for one in changed]}
            # By statements of their own: what a sweep for search has written while we waited for its rows is seen here.
            await tx.session.execute(DROP_WORDS, gone)
            await tx.session.execute(DROP_REVISIONS, gone)
            await order.count(tx, messages=len(changed))
            return len(changed)

    async def _unreact(self, order: Order) -> AsyncGenerator[int, None]:
        after, is_full = FIRST, True
        while is_full:
            async with self._database.connection() as connection:
                rows = await connection.fetch(REACTED, str(order.user), after, WALK)
            theirs = sorted((row[1], row[2]) for row in rows if row[3])
            for thread_id, group in groupby(theirs, key=lambda each: each[0]):
                numbers = [number for _, number in group]
                for start in range(0, len(numbers), BATCH):
                    async with self._database.transaction() as tx:
                        some = numbers[start : start + BATCH]
                        changed = await self._change(tx, order, thread_id, (STILL_REACTED, UNREACT), some)
                        await order.count(tx, reactions=len(changed))
                    yield len(changed)
            is_full = len(rows) == WALK
            after = rows[-1][0] if rows else after
            yield 0

    async def _change(
        self,
        tx: Transaction,
        order: Order,
        thread_id: UUID,
        statements: tuple[TextClause, TextClause],
        numbers: Sequence[int],
    ) -> list[Posted]:
        """Change the messages that still need it, each with the next offset, and promise to announce them."""
        values = {"thread": thread_id, "user": order.user, "numbers": list(numbers)}
        await tx.session.execute(LOCK, {"thread": thread_id})
        which, change = statements
        left = list(await tx.session.scalars(which, values))
        if not left:
            return []
        rows = await tx.session.execute(change, values | {"numbers": left})
        changed = sorted((Posted(*row) for row in rows), key=lambda one: one.offset)
        await tx.session.execute(NEXT_OFFSETS, {"thread": thread_id, "count": len(changed)})
        tx.after_commit(lambda: self._announcer.posted(changed))
        return changed
