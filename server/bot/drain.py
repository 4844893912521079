"""Updates become messages: a chat's in their order, many chats in one transaction, each of them exactly once."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from server import clock, ids, metrics
from server.bot.constants import TRIES
from server.bot.contacts import HEARD_FROM, Known, known
from server.bot.interpreter import Interpreter
from server.bot.linking import linked_user
from server.bot.statements import LOCK, TOLD
from server.bot.updates import Answered, Called, Heard, Linked, OptedOut, Reachable, Reworded, Said, clean, client_id
from server.chat.announcer import Announcer
from server.chat.appending import append
from server.chat.constants import AuthorKind, Happening, MessageStatus
from server.chat.journal import Draft, Posted
from server.chat.rewording import reword
from server.chat.text import tags_in
from server.database import GONE, Database, PlainConnection
from server.errors import Problem
from server.logging import named

CHATS = 128  # in one transaction
TOGETHER = 256  # updates in one transaction
ANSWERS = 64  # to presses, under way at once; more are left unanswered
ANSWER_SECONDS = 5.0
KEPT_HOURS = 48  # Telegram sends nothing again that is older

# Whoever has the lock of a chat's oldest update has the chat: the later ones are then nobody else's.
# One look into the index for each chat, however much waits.
OLDEST = """
WITH RECURSIVE oldest AS (
  (SELECT chat_id, id FROM updates WHERE bot_id = $1 AND state = 'waiting' ORDER BY chat_id, id LIMIT 1)
  UNION ALL
  SELECT next.chat_id, next.id FROM oldest CROSS JOIN LATERAL (
    SELECT u.chat_id, u.id FROM updates u WHERE u.bot_id = $1 AND u.state = 'waiting' AND u.chat_id > oldest.chat_id
    ORDER BY u.chat_id, u.id LIMIT 1) next
)
SELECT u.chat_id FROM oldest JOIN updates u ON u.id = oldest.id
WHERE u.state = 'waiting' AND u.due_at <= now() LIMIT $2 FOR UPDATE OF u SKIP LOCKED
"""
WAITING = """
SELECT id, chat_id, body FROM updates
WHERE bot_id = $1 AND chat_id = ANY ($2::bigint[]) AND state = 'waiting' ORDER BY id LIMIT $3
"""
DONE = "UPDATE updates SET state = 'done', error = NULL WHERE id = ANY ($1::bigint[])"
FAILED = """
UPDATE updates SET tries = tries + 1, error = $2, due_at = now() + make_interval(secs => power(2, tries)),
  state = CASE WHEN tries + 1 >= $3 THEN 'dead' ELSE state END
WHERE id = $1 RETURNING state
"""
FORGET = f"""
DELETE FROM updates WHERE id IN (
  SELECT id FROM (SELECT id, state, received_at FROM updates ORDER BY id LIMIT 2000) oldest
  WHERE state = 'done' AND received_at < now() - interval '{KEPT_HOURS} hours')
"""
FORGET_EVERY_SECONDS = 60.0
OWN = "SELECT id FROM messages WHERE thread_id = $1 AND author_id = $2 AND client_id = $3"
RELAYED = "SELECT message_id FROM relays WHERE contact_id = $1 AND $2::bigint = ANY (telegram_ids)"
# As chat's `call_person` does it: a thread that somebody looks after, or that waits already, is left alone.
CALLED = """
UPDATE threads SET waiting_since = now()
WHERE id = $1 AND handled_by IS NULL AND waiting_since IS NULL RETURNING slug
"""
REACHED = "UPDATE contacts SET blocked = $2 WHERE id = $1 AND blocked <> $2 RETURNING id"
OPTED = """
UPDATE contacts SET opted_out = $2, blocked = false
WHERE id = $1 AND (opted_out, blocked) <> ($2, false) RETURNING id
"""
LINK = """
UPDATE contacts c SET user_id = u.id FROM users u WHERE c.id = $1 AND u.id = $2 AND u.banned_at IS NULL RETURNING u.name
"""
LINKED = "This chat belongs to the account **{}** from now on. If that is not yours, write to us here."
NOT_LINKED = "This link is too old or not whole, and this chat belongs to no account by it. Ask for a new one."

log = named("bot")


class Poison(Exception):
    """This update cannot be taken in."""

    def __init__(self, row_id: int, cause: BaseException) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.row_id = row_id


@dataclass
class Taken:
    """What one transaction did, to be told after its commit."""

    posted: list[Posted] = field(default_factory=list)
    opened: list[UUID] = field(default_factory=list)
    called: list[tuple[UUID, str | None]] = field(default_factory=list)  # the thread, and its name
    pressed: list[str] = field(default_factory=list)


class Drain:
    """Any number of processes may drain at once: a chat is one process's at a time."""

    def __init__(
        self,
        database: Database,
        announcer: Announcer,
        token: str,
        bot_id: int,
        answer: Callable[[str], Awaitable[None]] | None = None,
        *,
        keys: Sequence[str] = (),
    ) -> None:
        """`answer`: tell Telegram that a button's press has arrived; until then the button shows that it waits.

        `keys` signed the links to accounts; without any, none is believed.
        """
        self._keys = keys
        self._answer_press = answer
        self._answers: set[asyncio.Task[None]] = set()
        self._database = database
        self._announcer = announcer
        self._interpreter = Interpreter(token)
        self._bot_id = bot_id
        self._is_at_work = self._is_asked_again = False
        self._forgot_at = float("-inf")

    async def close(self) -> None:
        """Answer no more presses: those that are left unanswered only look so for a while."""
        for task in self._answers:
            task.cancel()
        if self._answers:
            await asyncio.wait(self._answers)

    async def sweep(self) -> int:
        """Take in all that waits; returns how many updates. Asked again meanwhile, it looks once more."""
        self._is_asked_again = True
        if self._is_at_work:
            return 0
        self._is_at_work, taken = True, 0
        try:
            while self._is_asked_again:
                self._is_asked_again = False
                while done := await self._take(CHATS, TOGETHER):
                    taken += done
            await self._forget()
        finally:
            self._is_at_work = False
        return taken

    async def _take(self, chats: int, together: int) -> int:
        """One transaction's worth. If it fails, one update at a time shows which of them cannot be taken in."""
        try:
            done, taken = await self._commit(chats, together)
        except Poison as error:
            if together == 1:
                await self._set_back(error)
                return 1
            return await self._take(1, 1)
        except asyncpg.DeadlockDetectedError:  # nobody's fault; one update alone is seldom in anybody's way
            return await self._take(1, 1)
        for thread_id in taken.opened:
            self._announcer.opened(thread_id, {})
        if taken.posted:
            self._announcer.posted(taken.posted)
        for thread_id, slug in taken.called:
            self._announcer.changed(thread_id, slug)
        for pressed in taken.pressed:
            self._tell(pressed)
        return done

    def _tell(self, pressed: str) -> None:
        """Beside the drain: nobody's message waits for an answer to a press."""
        if self._answer_press is not None and len(self._answers) < ANSWERS:
            task = asyncio.create_task(self._told(self._answer_press(pressed)), name="press")
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

    async def _told(self, answer: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await answer
        except TimeoutError:
            log.info("press_unanswered")

    async def _commit(self, chats: int, together: int) -> tuple[int, Taken]:
        async with self._database.connection() as connection, connection.transaction():
            mine = [row[0] for row in await connection.fetch(OLDEST, self._bot_id, chats)]
            if not mine:
                return 0, Taken()
            rows = await connection.fetch(WAITING, self._bot_id, mine, together)
            row_id = rows[0]["id"]
            try:
                heard: list[Heard] = []
                for row in rows:
                    row_id = row["id"]
                    heard += await self._interpreter.heard(row["body"])
                taken = await self._take_in(connection, heard)
            except (Problem, asyncpg.DeadlockDetectedError, *GONE):
                raise
            except Exception as error:  # whatever it is, it is one update's fault, and blocks no other chat
                raise Poison(row_id, error) from error
            await connection.execute(DONE, [row["id"] for row in rows])
            return len(rows), taken

    async def _set_back(self, error: Poison) -> None:
        async with self._database.connection() as connection:
            state = await connection.fetchval(FAILED, error.row_id, str(error)[:1000], TRIES)
        log.warning("update_failed", update=error.row_id, state=state, error=str(error))
        if state == "dead":
            metrics.dead_updates.inc()

    async def _take_in(self, connection: PlainConnection, heard: Sequence[Heard]) -> Taken:
        contacts = await known(connection, self._bot_id, [each.outside for each in heard])
        taken = Taken(opened=[contact.thread_id for contact in contacts.values() if contact.is_new])
        drafts: list[Draft] = []
        for each in heard:
            contact = contacts[each.outside.chat_id]
            match each:
                case Said():
                    drafts.append(await self._draft(connection, contact, each, drafts))
                    taken.pressed += filter(None, [each.pressed])
                case Answered(text=text):
                    drafts.append(_answer(contact, text))
                case Linked():
                    drafts.append(_answer(contact, await self._link(connection, contact, each)))
                case Called():
                    free = await connection.fetchrow(CALLED, contact.thread_id)
                    taken.called += [] if free is None else [(contact.thread_id, free["slug"])]
                case Reworded() | Reachable() | OptedOut():
                    taken.posted += await self._written(connection, drafts)
                    taken.posted += await _apply(connection, contact, each)
                    drafts = []
        taken.posted += await self._written(connection, drafts)
        return taken

    async def _draft(self, connection: PlainConnection, contact: Known, said: Said, before: Sequence[Draft]) -> Draft:
        reply_to = None
        if said.reply_key is not None:
            reply_to = await _message_of(connection, contact, said.reply_key, before)
        payload = None if said.payload is None else json.dumps(said.payload, ensure_ascii=False)
        return Draft(
            ids.new(),
            contact.thread_id,
            contact.id,
            AuthorKind.CONTACT,
            said.text,
            kind=said.kind,
            payload=payload,
            client_id=said.client_id,
            reply_to=reply_to,
            tags=tuple(tags_in(said.text)),
        )

    async def _link(self, connection: PlainConnection, contact: Known, linked: Linked) -> str:
        """What to say to it; a link that is good is followed."""
        user = linked_user(self._keys, self._bot_id, linked.word, linked.at)
        await connection.execute(LOCK, contact.id)
        name = None if user is None else await connection.fetchval(LINK, contact.id, user)
        if name is not None:
            await connection.execute(TOLD, [ids.new()], [contact.id], str(Happening.CONTACT_CHANGED))
        return NOT_LINKED if name is None else LINKED.format(re.sub(r"([^\w\s])", r"\\\1", name))

    async def _written(self, connection: PlainConnection, drafts: Sequence[Draft]) -> list[Posted]:
        posted = await append(connection, drafts)
        to_relay = {draft.thread_id for draft in drafts if draft.author_kind != AuthorKind.CONTACT}
        spans: dict[UUID, tuple[int, int]] = {}
        for one in posted:
            if one.thread_id not in to_relay:
                first, last = spans.get(one.thread_id, (one.offset, one.offset))
                spans[one.thread_id] = (min(first, one.offset), max(last, one.offset))
        ends: list[list[Any]] = [[span[0] for span in spans.values()], [span[1] for span in spans.values()]]
        await connection.execute(HEARD_FROM, list(spans), *ends)
        return posted

    async def _forget(self) -> None:
        if clock.monotonic() - self._forgot_at > FORGET_EVERY_SECONDS:
            self._forgot_at = clock.monotonic()
            async with self._database.connection() as connection:
                await connection.execute(FORGET)


async def _apply(connection: PlainConnection, contact: Known, heard: Reworded | Reachable | OptedOut) -> list[Posted]:
    match heard:
        case Reworded(key=key, text=text):
            found = await connection.fetchval(OWN, contact.thread_id, contact.id, client_id(key))
            changed = None if found is None else await reword(connection, contact.thread_id, found, clean(text))
            return [] if changed is None else [changed]
        case Reachable(is_reachable=is_reachable):
            await _become(connection, contact, REACHED, is_so=not is_reachable)
        case OptedOut(has_opted_out=has_opted_out):
            await _become(connection, contact, OPTED, is_so=has_opted_out)
    return []


async def _become(connection: PlainConnection, contact: Known, statement: str, *, is_so: bool) -> None:
    await connection.execute(LOCK, contact.id)
    if await connection.fetchval(statement, contact.id, is_so) is not None:
        await connection.execute(TOLD, [ids.new()], [contact.id], str(Happening.CONTACT_CHANGED))


async def _message_of(connection: PlainConnection, contact: Known, key: int, before: Sequence[Draft]) -> UUID | None:
    """Our message behind Telegram's number: of this transaction, the contact's own, or one that went out."""
    for draft in before:
        if draft.thread_id == contact.thread_id and draft.client_id == client_id(key):
            return draft.id
    own: UUID | None = await connection.fetchval(OWN, contact.thread_id, contact.id, client_id(key))
    if own is not None:
        return own
    relayed: UUID | None = await connection.fetchval(RELAYED, contact.id, key)
    return relayed


def _answer(contact: Known, text: str) -> Draft:
    return Draft(ids.new(), contact.thread_id, None, AuthorKind.SYSTEM, text, status=MessageStatus.QUEUED)
