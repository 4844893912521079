"""Remote calls over the socket: each reads its form, calls one verb, and answers what its REST door answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar
from uuid import UUID

import msgspec
from pydantic import BaseModel, ValidationError

from server import voice
from server.auth.policy import Caller
from server.chat import service, threads
from server.chat.history import Filter, Window
from server.chat.schemas import (
    ChatMessageRequest,
    HistoryQuery,
    MessageDeleted,
    MessageEdited,
    ReactionMade,
    ThreadRead,
    ThreadsAsked,
    TypingNotice,
)
from server.chat.service import Chat, NewMessage
from server.errors import Invalid, Missing

Form = TypeVar("Form", bound=BaseModel)
Call: TypeAlias = Callable[[Chat, Caller, bytes], Awaitable[str]]

written = msgspec.json.encode


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
    call = _CALLS.get(method)
    if call is None:
        raise Missing("unknown_method", f"there is no method {method}; there are {', '.join(_CALLS)}")
    return (await call(chat, caller, data)).encode()


async def _post(chat: Chat, caller: Caller, data: bytes) -> str:
    body = parsed(ChatMessageRequest, data)
    return (await service.post(chat, caller, _needed(body.thread_id), message_of(body))).json


async def _edit(chat: Chat, caller: Caller, data: bytes) -> str:
    body = parsed(MessageEdited, data)
    async with chat.database.transaction() as tx:
        return await service.edit(tx, chat, caller, body.message_id, words=body.text, tags=body.tags)


async def _delete(chat: Chat, caller: Caller, data: bytes) -> str:
    body = parsed(MessageDeleted, data)
    async with chat.database.transaction() as tx:
        return await service.delete(tx, chat, caller, body.message_id)


async def _react(chat: Chat, caller: Caller, data: bytes) -> str:
    body = parsed(ReactionMade, data)
    verb = service.unreact if body.remove else service.react
    async with chat.database.transaction() as tx:
        return await verb(tx, chat, caller, body.message_id, body.emoji)


async def _read(chat: Chat, caller: Caller, data: bytes) -> str:
    body = parsed(ThreadRead, data)
    async with chat.database.transaction() as tx:
        number, unread = await service.mark_read(tx, chat, caller, body.thread_id, body.number)
    return written({"number": number, "unread": unread}).decode()


async def _typing(chat: Chat, caller: Caller, data: bytes) -> str:
    await service.typing(chat, caller, _needed(parsed(TypingNotice, data).thread_id))
    return "{}"


async def _history(chat: Chat, caller: Caller, data: bytes) -> str:
    asked = parsed(HistoryQuery, data)
    window = Window(asked.limit, asked.offset, asked.before, asked.after)
    wanted = Filter(asked.author_id, asked.status, asked.tag, asked.since, asked.until, asked.q)
    return await service.history(chat, caller, _needed(asked.thread_id), window, wanted)


async def _threads(chat: Chat, caller: Caller, data: bytes) -> str:
    asked = parsed(ThreadsAsked, data)
    async with chat.database.transaction() as tx:
        return await threads.listing(
            tx, caller, status=asked.status, kind=asked.kind, mine=asked.mine, limit=asked.limit, cursor=asked.cursor
        )


def _needed(thread_id: UUID | None) -> UUID:
    if thread_id is None:
        raise Invalid("thread_needed", "say which thread: `thread_id`")
    return thread_id


_CALLS: dict[str, Call] = {
    "chat.post": _post,
    "chat.edit": _edit,
    "chat.delete": _delete,
    "chat.react": _react,
    "chat.read": _read,
    "chat.typing": _typing,
    "chat.history": _history,
    "chat.threads": _threads,
}
