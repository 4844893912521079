"""What the socket asks of the chat room, and what the room tells the socket: channels are threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TypeVar
from uuid import UUID

from pydantic import ValidationError

from server.auth.constants import Role
from server.auth.policy import Caller
from server.auth.service import SignIn
from server.chat import service
from server.chat.access import checked
from server.chat.history import SINCE, TOPS, Filter, Window
from server.chat.journal import Posted
from server.chat.schemas import ChatMessageRequest, HistoryQuery
from server.chat.service import Chat, NewMessage
from server.chat.tasks import IndexMessages
from server.errors import Invalid, Missing
from server.queue import Task
from server.realtime.seam import Identity, Position, Publication

PREFIX = "thread:"

Body = TypeVar("Body", ChatMessageRequest, HistoryQuery)
Announce = Callable[[str, str, Sequence[Publication]], None]


def announcer(announce: Announce, say: Callable[[Task], None]) -> Callable[[Sequence[Posted]], None]:
    """Tell what was committed: publications, thread by thread, in the order of their offsets; and the workers."""

    def tell(posted: Sequence[Posted]) -> None:
        by_thread = sorted(posted, key=lambda one: one.thread_id)  # stable: offsets stay ascending within a thread
        for thread_id, group in groupby(by_thread, key=lambda one: one.thread_id):
            ones = list(group)
            news = [Publication(one.offset, one.json.encode()) for one in ones]
            announce(f"{PREFIX}{thread_id}", ones[0].epoch, news)
        say(IndexMessages())

    return tell


class ChatChannels:
    """`server.realtime.seam.Rooms`, met by the chat room."""

    def __init__(self, chat: Chat, sign_in: SignIn) -> None:
        self._chat = chat
        self._sign_in = sign_in

    async def sign_in(self, token: str) -> Identity:
        """Who the token speaks for; raises Unauthenticated."""
        caller = await self._sign_in(token)
        return Identity(caller.user, caller.name, caller.role, caller.expires_at)

    async def join(self, who: Identity, channel: str) -> Position:
        """Where the thread stands; raises Missing for whoever may not read it."""
        thread_id = _thread(channel)
        checked(await self._chat.access.standing(_caller(who), thread_id))
        return (await self.tops([channel]))[channel]

    async def publish(self, who: Identity, channel: str, data: bytes) -> None:
        """Post a message: the body of POST /chat/send, without `thread_id`."""
        body = _parsed(ChatMessageRequest, data)
        await self._post(who, _thread(channel), body)

    async def call(self, who: Identity, method: str, data: bytes) -> bytes:
        """`chat.post` and `chat.history` take what their REST doors take, and answer the same JSON."""
        match method:
            case "chat.post":
                body = _parsed(ChatMessageRequest, data)
                if body.thread_id is None:
                    raise Invalid("thread_needed", "say which thread: `thread_id`")
                return (await self._post(who, body.thread_id, body)).json.encode()
            case "chat.history":
                asked = _parsed(HistoryQuery, data)
                if asked.thread_id is None:
                    raise Invalid("thread_needed", "say which thread: `thread_id`")
                window = Window(asked.limit, asked.offset, asked.before, asked.after)
                wanted = Filter(asked.author_id, asked.status, asked.tag, asked.since, asked.until, asked.q)
                found = await service.history(self._chat, _caller(who), asked.thread_id, window, wanted)
                return found.encode()
            case _:
                raise Missing("unknown_method", f"there is no method {method}")

    async def since(self, channel: str, offset: int, limit: int) -> Sequence[Publication]:
        """What changed in the thread after the offset, each message as it is now."""
        async with self._chat.database.connection() as connection:
            rows = await connection.fetch(SINCE, _thread(channel), offset, limit)
        return [Publication(row[0], row[1].encode()) for row in rows]

    async def tops(self, channels: Sequence[str]) -> Mapping[str, Position]:
        """Where the threads stand, in one query."""
        async with self._chat.database.connection() as connection:
            rows = await connection.fetch(TOPS, [_thread(channel) for channel in channels])
        return {f"{PREFIX}{row[0]}": Position(row[1], row[2]) for row in rows}

    async def _post(self, who: Identity, thread_id: UUID, body: ChatMessageRequest) -> Posted:
        if body.thread_id not in (None, thread_id):
            raise Invalid("other_thread", "`thread_id` names another thread than the channel")
        new = NewMessage(body.text, body.client_id, body.reply_to, body.tags, body.payload)
        return await service.post(self._chat, _caller(who), thread_id, new)


def _caller(who: Identity) -> Caller:
    return Caller(who.user, who.name, Role(who.role), who.expires_at)


def _thread(channel: str) -> UUID:
    try:
        if not channel.startswith(PREFIX):
            raise ValueError
        thread_id = UUID(channel.removeprefix(PREFIX))
        if f"{PREFIX}{thread_id}" != channel:
            raise ValueError
    except ValueError as error:
        raise Missing("no_such_channel", "channels are named `thread:<id>`, the id in lower case") from error
    return thread_id


def _parsed(form: type[Body], data: bytes) -> Body:
    try:
        return form.model_validate_json(data or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid("invalid_input", f"{where}: {first['msg']}" if where else first["msg"]) from error
