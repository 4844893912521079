"""Messages: post, edit, delete, react, read. The verbs behind every door; each checks, changes, promises, returns."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert

from server import clock, ids
from server.auth.policy import Caller
from server.chat.access import Access
from server.chat.announcer import Announcer
from server.chat.changes import record_message
from server.chat.constants import (
    REACTIONS_LIMIT,
    REACTORS_LIMIT,
    TAGS_LIMIT,
    AuthorKind,
    Happening,
    Kind,
    MessageStatus,
)
from server.chat.history import CONTEXT, Filter, Window, page
from server.chat.journal import Draft, Journal, Posted, Told
from server.chat.models import Message, ReadMarker, Revision, SearchText, Thread
from server.chat.names import channels_of
from server.chat.standing import Standing, checked, checked_for_managing, checked_for_posting
from server.chat.statements import message_json
from server.chat.text import TEXT, bare_tags, kind_of, merged_tags, normalised, tags_in
from server.database import Database, Transaction
from server.errors import Conflict, Forbidden, Invalid, Missing

CONTEXT_LIMIT = 50

_NEXT_OFFSET = text("UPDATE threads SET top = top + 1 WHERE id = :thread RETURNING top, epoch, slug")
_FILE = "SELECT true FROM files WHERE CAST(id AS text) = $1 AND thread_id = $2"
_STEP_IN = """
UPDATE threads SET handled_by = $2, waiting_since = NULL
WHERE id = $1 AND handled_by IS NULL AND created_by IS DISTINCT FROM $2 RETURNING true
"""
_AS_JSON = text(f"SELECT {message_json('m')} FROM messages m WHERE m.thread_id = :thread AND m.number = :number")


@dataclass(frozen=True, slots=True)
class Chat:
    """What this room works with; one a process, built by the roof."""

    database: Database
    journal: Journal
    access: Access
    announcer: Announcer
    character_limit: int
    meet: Callable[[Transaction, UUID], Awaitable[None]]  # whoever opens a conversation with the house


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What someone wants to say, as it came in by a door."""

    text: str
    client_id: str | None = None
    reply_to: UUID | None = None
    tags: list[str] = field(default_factory=list)
    payload: dict[str, Any] | None = None


async def post(chat: Chat, caller: Caller, thread_id: UUID, new: NewMessage) -> Posted:
    """Post one message; returns after the commit, with its public form. `Journal.post` tells the errors."""
    return await (await take_place(chat, caller, thread_id, new))


async def take_place(chat: Chat, caller: Caller, thread_id: UUID, new: NewMessage) -> asyncio.Future[Posted]:
    """Check a message and put it in order; when this returns, whatever is posted later comes later.

    The future is what `post` waits for.
    """
    standing = checked_for_posting(await chat.access.standing(caller, thread_id))
    kind = kind_of(new.payload)
    words = normalised(new.text, chat.character_limit) if new.text.strip() or kind == TEXT else ""
    tags = merged_tags(words, new.tags)
    if kind != TEXT:
        await _check_file(chat, thread_id, new.payload or {})
    if new.reply_to is not None:
        await _check_reply(chat, thread_id, new.reply_to)
    if standing.is_answering:
        await _step_in(chat, caller, thread_id)
    draft = Draft(
        ids.new(),
        thread_id,
        caller.user,
        AuthorKind.USER,
        words,
        kind=kind,
        payload=None if new.payload is None else json.dumps(new.payload, ensure_ascii=False),
        client_id=new.client_id,
        reply_to=new.reply_to,
        status=_first_status(standing),
        tags=tuple(tags),
    )
    return chat.journal.place(draft)


def take_place_at_once(chat: Chat, caller: Caller, thread_id: UUID, said: tuple[str, str], told: Told) -> bool:
    """Put a message of nothing but words, and a client_id, in order without waiting for anything.

    False where the caller's standing is not remembered, or does not allow it: `take_place` asks, and says why.
    """
    text, client_id = said
    standing = chat.access.remembered(caller, thread_id)
    if standing is None or not standing.may_post or standing.is_answering:
        return False
    words = normalised(text, chat.character_limit)
    tags = tuple(merged_tags(words, [])) if "#" in words else ()
    draft = Draft(
        ids.new(),
        thread_id,
        caller.user,
        AuthorKind.USER,
        words,
        client_id=client_id,
        status=_first_status(standing),
        tags=tags,
    )
    chat.journal.put(draft, told)
    return True


def _first_status(standing: Standing) -> MessageStatus:
    """What goes further, to people outside, is not there yet when it is committed."""
    return MessageStatus.QUEUED if standing.kind is Kind.TELEGRAM else MessageStatus.SENT


async def _check_file(chat: Chat, thread_id: UUID, payload: dict[str, Any]) -> None:
    """A file of ours belongs to the thread; one of another house (`file_id`) is its business."""
    if "file" not in payload:
        return
    async with chat.database.connection() as connection:
        found = await connection.fetchval(_FILE, str(payload["file"]), thread_id)
    if not found:
        raise Invalid("no_such_attachment", "`payload.file` names no file that was sent up for this thread")


async def _check_reply(chat: Chat, thread_id: UUID, reply_to: UUID) -> None:
    async with chat.database.connection() as connection:
        found = await connection.fetchval("SELECT thread_id FROM messages WHERE id = $1", reply_to)
    if found != thread_id:
        raise Invalid("no_such_reply", "`reply_to` names no message of this thread")


async def _step_in(chat: Chat, caller: Caller, thread_id: UUID) -> None:
    """An operator who speaks in a free support thread takes it, before the word is heard: nobody else answers then."""
    async with chat.database.connection() as connection:
        taken = await connection.fetchval(_STEP_IN, thread_id, caller.user)
    if taken:
        chat.announcer.changed(thread_id, None)


async def check_reader(chat: Chat, caller: Caller, thread_id: UUID) -> None:
    """Raise Missing for whoever may not read the thread."""
    checked(await chat.access.standing(caller, thread_id))


async def check_manager(chat: Chat, caller: Caller, thread_id: UUID) -> str:
    """The channel of a thread, for whoever may manage it; raises Missing or Forbidden for anyone else."""
    checked_for_managing(await chat.access.standing(caller, thread_id))
    return channels_of(thread_id, None)[0]


async def history(chat: Chat, caller: Caller, thread_id: UUID, window: Window, wanted: Filter) -> str:
    """One page of a thread as finished JSON (schemas.HistoryPage). Raises Missing for whoever may not read it."""
    checked(await chat.access.standing(caller, thread_id))
    async with chat.database.connection() as connection:
        return await page(connection, thread_id, window, wanted)


async def message(chat: Chat, caller: Caller, message_id: UUID, context: int = 0) -> str:
    """One message as finished JSON, with up to `context` neighbours on each side when asked."""
    query = f"SELECT m.thread_id, m.number, {message_json('m')} FROM messages m WHERE m.id = $1"
    async with chat.database.connection() as connection:
        row = await connection.fetchrow(query, message_id)
    # Given back before the next one is taken: who holds one and waits for another can wait for ever.
    standing = None if row is None else await chat.access.standing(caller, row[0])
    if row is None or standing is None or not standing.may_read:
        raise _no_message()
    found = str(row[2])
    if not context:
        return found
    near = min(context, CONTEXT_LIMIT)
    async with chat.database.connection() as connection:
        neighbours = await connection.fetchval(CONTEXT, row[0], row[1] - near, row[1] + near)
    return f'{found[:-1]},"context":{neighbours}}}'


async def edit(
    tx: Transaction, chat: Chat, caller: Caller, message_id: UUID, *, words: str | None, tags: list[str] | None
) -> str:
    """Change one's own message; the old version is kept. Managers may change the tags of anybody's."""
    found, standing = await _locked(tx, chat, caller, message_id)
    if found.author_id != caller.user and (words is not None or not standing.may_manage):
        raise Forbidden("not_the_author", "only its author may change a message")
    new_text = found.text if words is None else normalised(words, chat.character_limit)
    given = found.tags if new_text == found.text else [tag for tag in found.tags if tag not in tags_in(found.text)]
    new_tags = merged_tags(new_text, given if tags is None else tags)
    if new_text == found.text and new_tags == found.tags:
        return await _as_json(tx, found)
    tx.session.add(_revision(found, caller))
    if new_text != found.text:
        found.language = None  # of the old words; a sweep finds out about the new ones, as after a post
    found.text, found.tags, found.edited_at = new_text, new_tags, clock.now()
    await _reword(tx, found)
    return await _changed(tx, chat, found, Happening.EDITED)


async def annotate(
    tx: Transaction, chat: Chat, message_id: UUID, *, tags: list[str], language: str | None
) -> list[str]:
    """Add tags to a message and say its language, for a machine: no edit. Returns what of it stands there now."""
    thread_id = await tx.session.scalar(select(Message.thread_id).where(Message.id == message_id))
    await tx.session.execute(select(Thread.id).where(Thread.id == thread_id).with_for_update())
    mine = (Message.thread_id == thread_id, Message.id == message_id, Message.deleted_at.is_(None))
    found = await tx.session.scalar(select(Message).where(*mine))
    if found is None:
        return []
    new_tags = list(dict.fromkeys([*found.tags, *bare_tags(tags)]))[:TAGS_LIMIT]
    if (new_tags, language or found.language) != (found.tags, found.language):
        found.tags, found.language = new_tags, language or found.language
        await _changed(tx, chat, found, Happening.EDITED)
    return (["tags"] if tags else []) + (["language"] if language else [])


async def delete(tx: Transaction, chat: Chat, caller: Caller, message_id: UUID) -> str:
    """Redact a message: its place stays. A revision keeps its text and tags; its payload and reactions are gone."""
    found, standing = await _locked(tx, chat, caller, message_id)
    if found.author_id != caller.user and not standing.may_manage:
        raise Forbidden("not_the_author", "only its author or a manager may delete a message")
    tx.session.add(_revision(found, caller))
    found.text, found.tags, found.payload, found.reactions = "", [], None, {}
    found.deleted_at = clock.now()
    await _reword(tx, found)
    return await _changed(tx, chat, found, Happening.DELETED)


async def react(tx: Transaction, chat: Chat, caller: Caller, message_id: UUID, emoji: str) -> str:
    """Put the caller's reaction on a message; the same one again changes nothing."""
    found, _ = await _locked(tx, chat, caller, message_id)
    people = found.reactions.get(emoji, [])
    if str(caller.user) in people:
        return await _as_json(tx, found)
    if not people and len(found.reactions) >= REACTIONS_LIMIT:
        raise Conflict("too_many_reactions", f"a message carries at most {REACTIONS_LIMIT} different reactions")
    if sum(map(len, found.reactions.values())) >= REACTORS_LIMIT:
        raise Conflict("too_many_reactions", f"a message carries at most {REACTORS_LIMIT} reactions")
    found.reactions = {**found.reactions, emoji: [*people, str(caller.user)]}
    return await _changed(tx, chat, found, Happening.REACTED)


async def unreact(tx: Transaction, chat: Chat, caller: Caller, message_id: UUID, emoji: str) -> str:
    """Take the caller's reaction back; one that was not there changes nothing."""
    found, _ = await _locked(tx, chat, caller, message_id)
    people = found.reactions.get(emoji, [])
    if str(caller.user) not in people:
        return await _as_json(tx, found)
    rest = [person for person in people if person != str(caller.user)]
    others = {word: names for word, names in found.reactions.items() if word != emoji}
    found.reactions = {**others, emoji: rest} if rest else others
    return await _changed(tx, chat, found, Happening.REACTED)


async def revisions(tx: Transaction, chat: Chat, caller: Caller, message_id: UUID) -> list[Revision]:
    """What edits of a message replaced, the oldest first: for its author and for managers."""
    found = await tx.session.scalar(select(Message).where(Message.id == message_id))
    standing = None if found is None else await chat.access.standing(caller, found.thread_id)
    if found is None or standing is None or not standing.may_read:
        raise _no_message()
    if found.author_id != caller.user and not standing.may_manage:
        raise Forbidden("not_the_author", "only its author or a manager may read what an edit replaced")
    rows = await tx.session.scalars(select(Revision).where(Revision.message_id == message_id).order_by(Revision.id))
    return list(rows)


async def mark_read(tx: Transaction, chat: Chat, caller: Caller, thread_id: UUID, number: int) -> tuple[int, int]:
    """Move the caller's marker forward, never back; returns where it stands and how many are unread."""
    checked(await chat.access.standing(caller, thread_id))
    mine = (ReadMarker.thread_id == thread_id, ReadMarker.user_id == caller.user)
    before = await tx.session.scalar(select(ReadMarker.number).where(*mine)) or 0
    thread = (await tx.session.execute(select(Thread.posted, Thread.cleared).where(Thread.id == thread_id))).first()
    posted, cleared = thread or (0, 0)
    new = insert(ReadMarker).values(thread_id=thread_id, user_id=caller.user, number=max(min(number, posted), cleared))
    upsert = new.on_conflict_do_update(
        index_elements=["thread_id", "user_id"],
        set_={"number": text("greatest(read_markers.number, excluded.number)")},
    ).returning(ReadMarker.number)
    stands_at = (await tx.session.execute(upsert)).scalar_one()
    unread = posted - stands_at
    if stands_at > before:
        tx.after_commit(lambda: chat.announcer.read(caller.user, thread_id, number=stands_at, unread=unread))
    return stands_at, unread


async def typing(chat: Chat, caller: Caller, thread_id: UUID) -> None:
    """Tell those who listen that the caller types; raises what posting there would raise."""
    standing = checked_for_posting(await chat.access.standing(caller, thread_id))
    chat.announcer.typing(caller, thread_id, standing.slug)


async def _locked(tx: Transaction, chat: Chat, caller: Caller, message_id: UUID) -> tuple[Message, Standing]:
    """The message, its thread locked before it (the order of the journal), for someone who may post there."""
    thread_id = await tx.session.scalar(select(Message.thread_id).where(Message.id == message_id))
    standing = None if thread_id is None else await chat.access.standing(caller, thread_id)
    if thread_id is None or standing is None or not standing.may_read:
        raise _no_message()
    checked_for_posting(standing)
    await tx.session.execute(select(Thread.id).where(Thread.id == thread_id).with_for_update())
    found = await tx.session.scalar(select(Message).where(Message.thread_id == thread_id, Message.id == message_id))
    if found is None:
        raise _no_message()
    if found.deleted_at is not None:
        raise Conflict("message_deleted", "this message was deleted and cannot change any more")
    return found, standing


async def _changed(tx: Transaction, chat: Chat, found: Message, happening: Happening) -> str:
    """Take the thread's next offset for the change, and promise to announce it."""
    top, epoch, slug = (await tx.session.execute(_NEXT_OFFSET, {"thread": found.thread_id})).one()
    found.offset = top
    await tx.session.flush()
    finished = await _as_json(tx, found)
    await record_message(tx, happening, found.thread_id, finished)
    posted = Posted(found.id, found.thread_id, found.number, top, epoch, finished, slug)
    tx.after_commit(lambda: chat.announcer.posted([posted]))
    return finished


async def _reword(tx: Transaction, found: Message) -> None:
    """Search finds the new words, and a sweep their language. What no sweep has taken in yet is left to it whole."""
    values = {"text": found.text, "is_reworded": found.language is None and found.deleted_at is None}
    await tx.session.execute(update(SearchText).where(SearchText.message_id == found.id).values(values))


async def _as_json(tx: Transaction, found: Message) -> str:
    key = {"thread": found.thread_id, "number": found.number}
    return str((await tx.session.execute(_AS_JSON, key)).scalar_one())


def _revision(found: Message, caller: Caller) -> Revision:
    return Revision(
        thread_id=found.thread_id,
        message_id=found.id,
        text=found.text,
        tags=found.tags,
        replaced_by=caller.user,
    )


def _no_message() -> Missing:
    return Missing("no_such_message", "there is no such message, or it is not yours")
