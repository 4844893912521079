"""What an endpoint may answer to a message: read strictly, and carried out once for each event. Makes no request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationError

from server import ids, voice
from server.chat.constants import AuthorKind, Kind, MessageStatus
from server.chat.journal import Draft
from server.chat.schemas import Tags
from server.chat.service import Chat, annotate
from server.chat.text import normalised
from server.database import Transaction
from server.errors import Invalid, Problem
from server.hooks import statements
from server.hooks.constants import ANSWER_BYTES, WHY_CHARACTERS
from server.inputs import Input, Text, Written

PEOPLE = (AuthorKind.USER, AuthorKind.CONTACT)
Describe = Callable[[Transaction, UUID, Mapping[str, object]], Awaitable[bool]]

Language = Annotated[Text, Written(r"[a-z]{2,3}", "a language is two or three small letters, as in `en`")]


class Answer(Input):
    """Everything that may be asked for; every part may be left out. What an attribute may be `describe` knows."""

    model_config = ConfigDict(strict=True)

    tags: Tags = Field(default_factory=list)
    language: Language | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)
    reply: Text | None = None


class Unreadable(Exception):
    """An answer that is not carried out at all; the text says why."""


def read(body: str, character_limit: int) -> Answer:
    """The answer in a body; raises Unreadable. One field that is wrong, or unknown, refuses all of it."""
    if len(body.encode()) >= ANSWER_BYTES:
        raise Unreadable(f"it is longer than {ANSWER_BYTES - 1} bytes")
    try:
        found = Answer.model_validate_json(body)
        if found.reply is None:
            return found
        return found.model_copy(update={"reply": normalised(found.reply, character_limit)})
    except ValidationError as error:
        raise Unreadable(voice.summary(voice.faults(error.errors()))) from error
    except Invalid as error:
        raise Unreadable(f"reply: {error.detail}") from error


@dataclass(frozen=True, slots=True)
class Answers:
    """Carries answers out; `describe` keeps attributes of whoever is outside of a thread, or raises Invalid."""

    chat: Chat
    describe: Describe

    async def take(self, endpoint_id: UUID, event_id: UUID, data: str, body: str) -> str:
        """Carry out the first answer to this event, or finish it; returns what to say in the log.

        What an assistant, another endpoint or this one has said is nobody's question: two of them would never end.
        """
        if not body.strip():
            return ""
        message = json.loads(data)
        if message["author_kind"] not in PEOPLE:
            return "not carried out: only what people say is answered"
        try:
            answer = read(body, self.chat.character_limit)
        except Unreadable as error:
            return f"refused: {error}"[:WHY_CHARACTERS]
        thread_id = UUID(message["thread_id"])
        try:
            done = await self._note_down(endpoint_id, event_id, thread_id, answer)
        except Invalid as error:  # nothing of it was kept
            return f"refused: {error.detail}"[:WHY_CHARACTERS]
        done += await self._reply(endpoint_id, event_id, thread_id)
        return f"carried out: {', '.join(done) or 'nothing'}"

    async def _note_down(self, endpoint_id: UUID, event_id: UUID, thread_id: UUID, answer: Answer) -> list[str]:
        done: list[str] = []
        async with self.chat.database.transaction() as tx:
            values = {"event": event_id, "endpoint": endpoint_id, "reply": answer.reply}
            if not await tx.session.scalar(statements.ANSWERED, values):
                return ["an answer before"]
            if answer.tags or answer.language:
                done += await annotate(tx, self.chat, event_id, tags=answer.tags, language=answer.language)
            if answer.attributes:
                is_kept = await self.describe(tx, thread_id, answer.attributes)
                done.append("attributes" if is_kept else "no attributes (no contact is there, or they are too many)")
        return done

    async def _reply(self, endpoint_id: UUID, event_id: UUID, thread_id: UUID) -> list[str]:
        """Post what is still to be posted: under a name of its own, so that it is one message however often."""
        async with self.chat.database.connection() as connection:
            row = await connection.fetchrow(statements.UNPOSTED, event_id, endpoint_id, thread_id)
        if row is None:
            return []
        said = await self._post(endpoint_id, event_id, thread_id, row)
        async with self.chat.database.connection() as connection:
            await connection.execute(statements.SETTLED, event_id, endpoint_id)
        return [said]

    async def _post(self, endpoint_id: UUID, event_id: UUID, thread_id: UUID, row: Any) -> str:
        if row["handled_by"] is not None:
            return "no reply (an operator looks after the thread)"
        draft = Draft(
            ids.new(),
            thread_id,
            endpoint_id,
            AuthorKind.ASSISTANT,
            row["reply"],
            client_id=f"hook:{event_id}",
            reply_to=event_id,
            status=MessageStatus.QUEUED if row["kind"] == Kind.TELEGRAM else MessageStatus.SENT,
        )
        try:
            await self.chat.journal.post(draft)
        except Problem as error:
            if error.retryable:
                raise
            return f"no reply ({error.detail})"
        return "reply"
