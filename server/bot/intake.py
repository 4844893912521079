"""What was heard becomes rows, in the order in which it was said: messages, and what changes of whom."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from server import ids
from server.bot import amending
from server.bot.contacts import HEARD_FROM, Known, known
from server.bot.linking import linked_user
from server.bot.updates import (
    Answered,
    Called,
    Chosen,
    Heard,
    Linked,
    Migrated,
    OptedOut,
    Reachable,
    Reworded,
    Said,
    clean,
    client_id,
)
from server.chat.appending import append
from server.chat.constants import AuthorKind, MessageStatus
from server.chat.journal import Draft, Posted
from server.chat.rewording import reword
from server.chat.text import tags_in
from server.database import PlainConnection

OWN = "SELECT id FROM messages WHERE thread_id = $1 AND author_id = $2 AND client_id = $3"
RELAYED = "SELECT message_id FROM relays WHERE contact_id = $1 AND $2::bigint = ANY (telegram_ids)"
# As chat's `call_person` does it: a thread that somebody looks after, or that waits already, is left alone.
CALLED = """
UPDATE threads SET waiting_since = now()
WHERE id = $1 AND handled_by IS NULL AND waiting_since IS NULL RETURNING slug
"""


@dataclass
class Taken:
    """What one transaction did, to be told after its commit."""

    posted: list[Posted] = field(default_factory=list)
    opened: list[UUID] = field(default_factory=list)
    called: list[tuple[UUID, str | None]] = field(default_factory=list)  # the thread, and its name
    pressed: list[str] = field(default_factory=list)


class Intake:
    """Of one bot. `keys` signed the links to accounts; without any, none is believed."""

    def __init__(self, bot_id: int, keys: Sequence[str]) -> None:
        self._bot_id = bot_id
        self._keys = keys

    async def take_in(self, connection: PlainConnection, heard: Sequence[Heard]) -> Taken:
        """Write it all, in the caller's transaction."""
        taken, pending = Taken(), list[Heard]()
        for each in heard:
            if isinstance(each, Migrated):  # what was said before belongs to the old number, what follows to the new
                await self._hear(connection, pending, taken)
                await amending.migrate(connection, self._bot_id, each.was, each.becomes)
                pending = []
            else:
                pending.append(each)
        await self._hear(connection, pending, taken)
        return taken

    async def _hear(self, connection: PlainConnection, heard: Sequence[Heard], taken: Taken) -> None:
        writing = {each.outside.chat_id for each in heard if not isinstance(each, Reachable)}
        contacts = await known(connection, self._bot_id, [each.outside for each in heard], writing)
        taken.opened += [contact.thread_id for contact in contacts.values() if contact.is_new]
        speeches = {chat: contact.speech for chat, contact in contacts.items()}
        drafts: list[Draft] = []
        for each in heard:
            chat = each.outside.chat_id
            contact = contacts.get(chat)
            if contact is None:  # the bot was let in, or thrown out, where nobody has said anything
                continue
            match each:
                case Said(text=text):
                    drafts.append(await self._draft(connection, contact, each, drafts))
                    if each.pressed is None:
                        speeches[chat] = speeches[chat].after(text)
                    else:
                        taken.pressed.append(each.pressed)
                        await amending.press(connection, contact, each.key, (each.payload or {})["data"])
                case Answered(text=text):
                    drafts.append(_answer(contact, text))
                case Chosen(word=word):
                    speeches[chat], text = speeches[chat].chosen(word)
                    drafts.append(_answer(contact, text))
                case Called():
                    free = await connection.fetchrow(CALLED, contact.thread_id)
                    taken.called += [] if free is None else [(contact.thread_id, free["slug"])]
                case _:
                    taken.posted += await self._written(connection, drafts)
                    drafts = await self._amend(connection, contact, each, taken)
        taken.posted += await self._written(connection, drafts)
        for chat, speech in speeches.items():
            if speech != contacts[chat].speech:
                await amending.speak(connection, contacts[chat], speech)

    async def _amend(self, connection: PlainConnection, contact: Known, heard: Heard, taken: Taken) -> list[Draft]:
        """What changes something that is there already; returns what is to be said to it."""
        match heard:
            case Reworded(key=key, text=text):
                found = await connection.fetchval(OWN, contact.thread_id, contact.id, client_id(key))
                changed = None if found is None else await reword(connection, contact.thread_id, found, clean(text))
                taken.posted += filter(None, [changed])
            case Reachable(is_reachable=is_reachable):
                await amending.reach(connection, contact.id, is_reachable=is_reachable)
            case OptedOut(has_opted_out=has_opted_out):
                await amending.opt_out(connection, contact, is_out=has_opted_out)
            case Linked(word=word, at=at):
                user = linked_user(self._keys, self._bot_id, word, at)
                return [_answer(contact, await amending.link(connection, contact, user))]
        return []

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
