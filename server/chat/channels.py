"""What the socket asks of the chat room: channels are threads, rooms by name, one's own, and the operators' inbox."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Annotated
from uuid import UUID

import msgspec

from server import ids
from server.auth import service as auth_service
from server.auth.policy import Caller
from server.auth.service import Auth
from server.chat import calls, service
from server.chat.calls import parsed
from server.chat.constants import CLIENT_ID_CHARACTERS
from server.chat.entrance import Entrance
from server.chat.history import BEFORE, SINCE, TOPS
from server.chat.names import CAMPAIGN, INBOX, ROOM, THREAD, channel_of
from server.chat.schemas import ChatMessageRequest, TypingNotice, is_room_name
from server.chat.service import Chat
from server.chat.standing import checked, is_operator
from server.chat.threads import room
from server.errors import Invalid, Limited, Missing, Problem, Unauthenticated
from server.pacing.limiter import Limiter
from server.pacing.pace import Rate
from server.realtime.seam import Entry, Forgotten, Identity, Position, Publication

ROOMS_REMEMBERED = THREADS_REMEMBERED = 10_000  # ids by name; both are for ever
FARTHEST = 2**63 - 1  # what PostgreSQL can count; a client may name more
ROOMS_MADE = Rate(60, 3_600.0, 20)  # by one person: so many an hour, and so many at once
NO_STREAM = Position("", 0)


class KnownIdentity(Identity):
    """An identity that remembers its caller, as they are now; only `sign_in` makes it."""

    caller: Caller | None = None
    turn: asyncio.Lock | None = None
    role_known: str = ""


class Plain(msgspec.Struct, forbid_unknown_fields=True):
    """The message that most messages are; any other is read by its form."""

    text: str
    client_id: Annotated[str, msgspec.Meta(max_length=CLIENT_ID_CHARACTERS)]


IsThere = Callable[[UUID], Awaitable[bool]]
_plain = msgspec.json.Decoder(Plain).decode


class ChatChannels:
    """`server.realtime.seam.Rooms`, met by the chat room."""

    def __init__(self, chat: Chat, auth: Auth, entrance: Entrance, limiter: Limiter, is_campaign: IsThere) -> None:
        self._is_campaign = is_campaign
        self._chat = chat
        self._auth = auth
        self._entrance = entrance
        self._limiter = limiter
        self._rooms: OrderedDict[str, UUID] = OrderedDict()

    async def sign_in(self, token: str) -> Identity:
        """Who the token speaks for; raises Unauthenticated."""
        caller = await auth_service.sign_in_once(self._auth, token)
        info = calls.written({"name": caller.name})
        return KnownIdentity(str(caller.user), caller.expires_at, info, caller, role_known=caller.role)

    def own_channel(self, who: Identity) -> str | None:
        """`user:<id>`: unread counts, memberships."""
        return channel_of(_caller(who).user)

    async def join(self, who: Identity, channel: str, token: str = "") -> Entry:
        """Where the channel stands; raises Missing for whoever may not listen to it. A room is made for the first."""
        caller = await self._present(who)
        if channel.startswith(ROOM):
            await self._thread(channel, caller)
        return await self._enter(caller, channel, token)

    async def look(self, who: Identity, channel: str) -> Entry:
        """Where the channel stands, for one who may listen to it."""
        return await self._enter(await self._present(who), channel)

    async def _enter(self, caller: Caller, channel: str, token: str = "") -> Entry:
        if channel == channel_of(caller.user):
            return Entry(NO_STREAM)
        if channel == INBOX and is_operator(caller.role):
            return Entry(NO_STREAM, with_presence=True)
        if channel.startswith(CAMPAIGN) and is_operator(caller.role):
            if not await self._is_campaign(_read_id(channel, CAMPAIGN)):
                raise _no_such_channel()
            return Entry(NO_STREAM)
        found = await self._entrance.ask(caller, await self._thread(channel))
        if token and (found is None or not found.standing.may_read):
            # Looked at before it matters whether the thread exists: what is said of the token must not tell that.
            until = self._auth.tokens.verify_subscription(token, caller.user, channel)
            if found is not None:
                return Entry(found.position, is_granted=True, expires_at=until, forgotten=found.floor)
        checked(None if found is None else found.standing)
        assert found is not None  # `checked` says so
        return Entry(found.position, with_presence=True, forgotten=found.floor)

    async def unwelcome(self, listeners: Sequence[tuple[str, Identity]]) -> Collection[tuple[str, str]]:
        """Those who may no longer listen, by fresh rows and their present role."""
        refused: set[tuple[str, str]] = set()
        asked: list[tuple[str, Caller, UUID]] = []
        for channel, who in listeners:
            try:
                caller = await self._present(who)
            except Unauthenticated:
                continue  # `expelled` cuts the whole connection
            if (channel == INBOX or channel.startswith(CAMPAIGN)) and not is_operator(caller.role):
                refused.add((channel, who.user))
            elif channel.startswith((THREAD, ROOM)):
                asked.append((channel, caller, await self._thread(channel)))
        found = await self._entrance.of([(caller, thread_id) for _, caller, thread_id in asked]) if asked else []
        for (channel, caller, _), one in zip(asked, found, strict=True):
            if one is None or not one.standing.may_read:
                refused.add((channel, str(caller.user)))
        return refused

    async def expelled(self, people: Sequence[Identity]) -> Sequence[Identity]:
        """Those who were banned, signed out, or whose personal access token was revoked."""
        by_caller = {id(_caller(who)): who for who in people}
        ended = await self._auth.revocations.ended([_caller(who) for who in people])
        for who in people:
            self._update(who)
        return [by_caller[id(caller)] for caller in ended]

    def changed(self, people: Sequence[Identity]) -> Sequence[Identity]:
        """Those who have another role than before: an operator who is none any more hears the inbox no longer."""
        changed = []
        for who in people:
            assert isinstance(who, KnownIdentity)
            if who.role_known != _caller(who).role:
                who.role_known = _caller(who).role
                changed.append(who)
        return changed

    async def _present(self, who: Identity) -> Caller:
        """The caller as they are now; raises Unauthenticated."""
        await self._auth.revocations.check(_caller(who))
        return self._update(who)

    def _update(self, who: Identity) -> Caller:
        assert isinstance(who, KnownIdentity)
        assert who.caller is not None
        who.caller = self._auth.revocations.as_known(who.caller)
        return who.caller

    def publish_at_once(self, who: Identity, channel: str, data: bytes, told: Callable[[object], None]) -> bool:
        """Post the plainest of messages, from somebody who has posted here a moment ago."""
        caller = self._auth.revocations.unchanged(_caller(who))
        if caller is None or not channel.startswith(THREAD):
            return False
        try:
            said = _plain(data)
            if not (said.client_id and said.client_id.isascii() and said.client_id.isprintable()):
                return False
            words = (said.text, said.client_id)
            return service.take_place_at_once(self._chat, caller, _read_id(channel), words, told)
        except (Problem, msgspec.MsgspecError):
            return False  # whatever it is, the long way says it best

    async def publish(self, who: Identity, channel: str, data: bytes) -> None:
        """Post a message: the body of POST /chat/send, without `thread_id`."""
        assert isinstance(who, KnownIdentity)
        if who.turn is None:
            who.turn = asyncio.Lock()
        async with who.turn:  # what one connection posts keeps its order, whatever has to be asked for each
            caller = await self._present(who)
            body = parsed(ChatMessageRequest, data)
            thread_id = await self._thread(channel, caller)
            if body.thread_id not in (None, thread_id):
                raise Invalid("other_thread", "`thread_id` names another thread than the channel")
            placed = await service.take_place(self._chat, caller, thread_id, calls.message_of(body))
        await placed

    async def notice(self, who: Identity, data: bytes) -> None:
        """`{"type": "typing", "thread_id": …}`, or with a `channel`; anything else is refused, which nobody hears."""
        caller = await self._present(who)
        said = parsed(TypingNotice, data)
        thread_id = said.thread_id or await self._thread(said.channel or "")
        await service.typing(self._chat, caller, thread_id)

    async def call(self, who: Identity, method: str, data: bytes) -> bytes:
        """`chat.post` and the others of `calls.py`: they take what their REST doors take, and answer the same JSON."""
        caller = await self._present(who)
        return await calls.answer(self._chat, caller, method, data)

    async def since(self, channel: str, offset: int, limit: int) -> Sequence[Publication]:
        """What changed in the thread after the offset, each message as it is now; raises Forgotten."""
        thread_id = await self._thread(channel)
        async with self._chat.database.connection() as connection:
            rows = await connection.fetch(SINCE, thread_id, min(offset, FARTHEST), limit)
        if rows and rows[0][2] > offset:
            raise Forgotten("position_forgotten", "what followed was removed by retention; read the history anew")
        return [Publication(row[0], row[1].encode()) for row in rows if row[0] is not None]

    async def before(self, channel: str, offset: int | None, limit: int) -> Sequence[Publication]:
        """What changed in the thread before the offset, the newest first."""
        thread_id = await self._thread(channel)
        async with self._chat.database.connection() as connection:
            rows = await connection.fetch(BEFORE, thread_id, None if offset is None else min(offset, FARTHEST), limit)
        return [Publication(row[0], row[1].encode()) for row in rows]

    async def tops(self, channels: Sequence[str]) -> Mapping[str, Position]:
        """Where the threads stand, in one query."""
        asked = {channel: await self._thread(channel) for channel in channels}
        async with self._chat.database.connection() as connection:
            rows = await connection.fetch(TOPS, list(asked.values()))
        known = {row[0]: Position(row[1], row[2]) for row in rows}
        return {channel: known[thread_id] for channel, thread_id in asked.items() if thread_id in known}

    async def _thread(self, channel: str, maker: Caller | None = None) -> UUID:
        """The thread behind a channel. A room that does not exist is made for the one who first comes."""
        if channel.startswith(THREAD):
            return _read_id(channel)
        known = self._rooms.get(channel)
        if known is not None:
            return known
        if not channel.startswith(ROOM):
            raise _no_such_channel()
        name = channel.removeprefix(ROOM)
        found = await self._find_room(channel)
        if found is None:
            if maker is None or not is_room_name(name):
                raise _no_such_channel()
            booked = await self._limiter.reserve({f"rooms:{maker.user}": ROOMS_MADE})
            if not booked.granted:
                raise Limited("too_many_rooms", "you make rooms too quickly", retry_after=booked.wait_seconds)
            async with self._chat.database.transaction() as tx:
                found = await room(tx, self._chat, maker, name)
        self._rooms[channel] = found
        if len(self._rooms) > ROOMS_REMEMBERED:
            self._rooms.popitem(last=False)
        return found

    async def _find_room(self, slug: str) -> UUID | None:
        async with self._chat.database.connection() as connection:
            found: UUID | None = await connection.fetchval("SELECT id FROM threads WHERE slug = $1", slug)
        return found


def _caller(who: Identity) -> Caller:
    assert isinstance(who, KnownIdentity)
    assert who.caller is not None
    return who.caller


@lru_cache(THREADS_REMEMBERED)
def _read_id(channel: str, prefix: str = THREAD) -> UUID:
    try:
        found = ids.read(channel.removeprefix(prefix))
    except ValueError as error:
        raise _no_such_channel() from error
    if f"{prefix}{found}" != channel:
        raise _no_such_channel()
    return found


def _no_such_channel() -> Missing:
    return Missing(
        "no_such_channel",
        "channels are `thread:<id>` and `room:<name>` in lower case, your own `user:<id>`, "
        "and for operators `inbox` and `campaign:<id>`",
    )
