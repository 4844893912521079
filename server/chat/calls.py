"""Remote calls over the socket: each reads its form, calls one verb, and answers what its REST door answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from server import voice
from server.auth.policy import Caller
from server.chat import handling, service, threads
from server.chat.history import Filter, Window
from server.chat.schemas import (
    ChatMessageRequest,
    HistoryPage,
    HistoryQuery,
    MessageDeleted,
    MessageEdited,
    MessageView,
    ReactionMade,
    ReadView,
    Taken,
    ThreadPage,
    ThreadRead,
    ThreadsAsked,
    ThreadTaken,
    ThreadTransferred,
    ThreadTyped,
    ThreadView,
)
from server.chat.service import Chat, NewMessage
from server.errors import Invalid, Missing

Form = TypeVar("Form", bound=BaseModel)

written = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Call(Generic[Form]):
    """One method: the form of its data, the form of its answer, and the verb, which returns the answer as JSON."""

    form: type[Form]
    answer: type[BaseModel]
    verb: Callable[[Chat, Caller, Form], Awaitable[str]]
    about: str


def parsed(form: type[Form], data: bytes) -> Form:
    """What the client sent, in this form; raises Invalid, which names the field."""
    try:
        return form.model_validate_json(b"{}" if data == b"null" else data)
    except ValidationError as error:
        raise Invalid("invalid_input", voice.summary(voice.faults(error.errors()))) from error


def message_of(body: ChatMessageRequest) -> NewMessage:
    """The message that a body asks to post."""
    return NewMessage(body.text, body.client_id, body.reply_to, body.tags, body.payload)


async def answer(chat: Chat, caller: Caller, method: str, data: bytes) -> bytes:
    """Finished JSON; raises Missing `unknown_method` and whatever the verb raises."""
    call = CALLS.get(method)
    if call is None:
        raise Missing("unknown_method", f"there is no method {method}; there are {', '.join(CALLS)}")
    return (await call.verb(chat, caller, parsed(call.form, data))).encode()


async def _post(chat: Chat, caller: Caller, body: ChatMessageRequest) -> str:
    thread_id = body.thread_id
    if thread_id is None:
        async with chat.database.transaction() as tx:
            thread_id = await threads.own(tx, chat, caller)
    return (await service.post(chat, caller, thread_id, message_of(body))).json


async def _edit(chat: Chat, caller: Caller, body: MessageEdited) -> str:
    async with chat.database.transaction() as tx:
        return await service.edit(tx, chat, caller, body.message_id, words=body.text, tags=body.tags)


async def _delete(chat: Chat, caller: Caller, body: MessageDeleted) -> str:
    async with chat.database.transaction() as tx:
        return await service.delete(tx, chat, caller, body.message_id)


async def _react(chat: Chat, caller: Caller, body: ReactionMade) -> str:
    verb = service.unreact if body.remove else service.react
    async with chat.database.transaction() as tx:
        return await verb(tx, chat, caller, body.message_id, body.emoji)


async def _read(chat: Chat, caller: Caller, body: ThreadRead) -> str:
    async with chat.database.transaction() as tx:
        number, unread = await service.mark_read(tx, chat, caller, body.thread_id, body.number)
    return ReadView(number=number, unread=unread).model_dump_json()


async def _typing(chat: Chat, caller: Caller, body: ThreadTyped) -> str:
    await service.typing(chat, caller, body.thread_id)
    return "{}"


async def _history(chat: Chat, caller: Caller, asked: HistoryQuery) -> str:
    thread_id = asked.thread_id or await threads.conversation_of(chat, caller, asked.user_id)
    window = Window(asked.limit, asked.offset, asked.before, asked.after)
    wanted = Filter(asked.author_id, asked.status, asked.tag, asked.since, asked.until, asked.q)
    return await service.history(chat, caller, thread_id, window, wanted)


async def _threads(chat: Chat, caller: Caller, asked: ThreadsAsked) -> str:
    async with chat.database.transaction() as tx:
        return await threads.listing(
            tx,
            caller,
            status=asked.status,
            kind=asked.kind,
            mine=asked.mine,
            waiting=asked.waiting,
            limit=asked.limit,
            cursor=asked.cursor,
        )


async def _take(chat: Chat, caller: Caller, body: ThreadTaken) -> str:
    async with chat.database.transaction() as tx:
        await handling.take(tx, chat, caller, body.thread_id)
        return await threads.view(tx, caller, body.thread_id)


async def _release(chat: Chat, caller: Caller, body: ThreadTaken) -> str:
    async with chat.database.transaction() as tx:
        await handling.release(tx, chat, caller, body.thread_id)
        return await threads.view(tx, caller, body.thread_id)


async def _transfer(chat: Chat, caller: Caller, body: ThreadTransferred) -> str:
    async with chat.database.transaction() as tx:
        await handling.transfer(tx, chat, caller, body.thread_id, body.user_id)
        return await threads.view(tx, caller, body.thread_id)


# Any: each verb takes the form it stands beside, which no type for the table can say.
CALLS: Mapping[str, Call[Any]] = {
    "chat.post": Call(ChatMessageRequest, MessageView, _post, "Post a message; answered after the commit."),
    "chat.edit": Call(MessageEdited, MessageView, _edit, "Change one's own message; the old version is kept."),
    "chat.delete": Call(MessageDeleted, MessageView, _delete, "Redact a message: its place stays, its words go."),
    "chat.react": Call(ReactionMade, MessageView, _react, "React to a message, or take a reaction back."),
    "chat.read": Call(ThreadRead, ReadView, _read, "Say how far one has read; the marker never moves back."),
    "chat.typing": Call(ThreadTyped, Taken, _typing, "Tell those who listen that one types."),
    "chat.history": Call(HistoryQuery, HistoryPage, _history, "A page of a thread, or of a person's conversation."),
    "chat.threads": Call(ThreadsAsked, ThreadPage, _threads, "One's threads, the most recently active first."),
    "chat.take": Call(ThreadTaken, ThreadView, _take, "Look after a support thread oneself; for operators."),
    "chat.release": Call(ThreadTaken, ThreadView, _release, "Give a support thread back to the assistant."),
    "chat.transfer": Call(ThreadTransferred, ThreadView, _transfer, "Hand a support thread on to an operator."),
}
