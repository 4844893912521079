"""Rooms as the SDKs' own tests expect them: any name is one, anybody may enter. Rows in memory, all below is real.

What the server of those tests has switched on stands in the compose file beside them; README.md says what differs here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import jwt
import msgspec
from typing_extensions import override

from server import ids
from server.errors import Forbidden, Invalid, Missing, Unauthenticated
from server.realtime.seam import Entry, Identity, News, Position, Publication, Rooms

WINDOW = 100  # publications that a channel keeps
SMALL, SMALL_WINDOW = "smallhistory:", 2
PERSONAL = "#"


@dataclass
class Stream:
    """One channel's window on what was said in it."""

    kept: deque[Publication]
    top: int = 0
    epoch: str = field(default_factory=lambda: ids.new().hex)

    def write(self, data: bytes) -> Publication:
        self.top += 1
        publication = Publication(self.top, data)
        self.kept.append(publication)
        return publication

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.top)

    @property
    def forgotten(self) -> int:
        """The last offset that has left the window."""
        return self.top - len(self.kept)


class AnyRooms(Rooms):
    """Tokens are JWTs of this secret; one with a `channel` lets somebody into that channel, and does not sign in."""

    def __init__(self, secret: str, announce: Callable[[str, str, Sequence[News]], None]) -> None:
        self._secret = secret
        self._announce = announce
        self._streams: dict[str, Stream] = {}

    @override
    async def sign_in(self, token: str) -> Identity:
        claims = self._claims(token)
        if "channel" in claims:
            raise Unauthenticated("token_invalid")
        info = claims.get("info")
        return Identity(claims.get("sub", ""), claims.get("exp"), msgspec.json.encode(info) if info else b"")

    @override
    def own_channel(self, who: Identity) -> str | None:
        return f"{PERSONAL}{who.user}"

    @override
    async def join(self, who: Identity, channel: str, token: str = "") -> Entry:
        if channel.startswith(PERSONAL):
            if channel != self.own_channel(who):
                raise Forbidden("not_your_channel")
            return Entry(Position("", 0), with_presence=True, with_motions=True)
        claims: dict[str, Any] = self._claims(token) if token else {"sub": who.user, "channel": channel}
        if (claims.get("sub", ""), claims.get("channel")) != (who.user, channel):
            raise Unauthenticated("token_invalid")
        stream = self._stream(channel)
        return Entry(
            stream.position,
            with_presence=True,
            with_motions=True,
            is_granted=bool(token),
            expires_at=claims.get("exp"),
            forgotten=stream.forgotten,
        )

    @override
    async def look(self, who: Identity, channel: str) -> Entry:
        return await self.join(who, channel)

    @override
    async def unwelcome(self, listeners: Sequence[tuple[str, Identity]]) -> Collection[tuple[str, str]]:
        return ()

    @override
    async def expelled(self, people: Sequence[Identity]) -> Sequence[Identity]:
        return ()

    @override
    def changed(self, people: Sequence[Identity]) -> Sequence[Identity]:
        return ()

    @override
    def publish_at_once(self, who: Identity, channel: str, data: bytes, told: Callable[[object], None]) -> bool:
        del who, channel, data, told
        return False  # there is only one way here

    @override
    async def publish(self, who: Identity, channel: str, data: bytes) -> None:
        await self.join(who, channel)
        written = _one_line(data)
        if channel.startswith(PERSONAL):
            self._announce(channel, "", [Publication(0, written)])
        else:
            stream = self._stream(channel)
            self._announce(channel, stream.epoch, [stream.write(written)])

    @override
    async def notice(self, who: Identity, data: bytes) -> None:
        """Nobody listens."""

    @override
    async def call(self, who: Identity, method: str, data: bytes) -> bytes:
        raise Missing("unknown_method")

    @override
    async def since(self, channel: str, offset: int, limit: int) -> Sequence[Publication]:
        return list(islice((each for each in self._stream(channel).kept if each.offset > offset), limit))

    @override
    async def before(self, channel: str, offset: int | None, limit: int) -> Sequence[Publication]:
        kept = reversed(self._stream(channel).kept)
        return list(islice((each for each in kept if offset is None or each.offset < offset), limit))

    @override
    async def tops(self, channels: Sequence[str]) -> Mapping[str, Position]:
        return {name: self._streams[name].position for name in channels if name in self._streams}

    def _stream(self, channel: str) -> Stream:
        if channel not in self._streams:
            window = SMALL_WINDOW if channel.startswith(SMALL) else WINDOW
            self._streams[channel] = Stream(deque(maxlen=window))
        return self._streams[channel]

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(token, self._secret, ["HS256"], options={"verify_aud": False})
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("token_expired") from None
        except jwt.InvalidTokenError:
            raise Unauthenticated("token_invalid") from None
        return claims


def _one_line(data: bytes) -> bytes:
    """The payload as it came, byte for byte, unless it holds a raw newline; raises Invalid for what is no JSON."""
    try:
        msgspec.json.decode(data)
        return msgspec.json.format(data, indent=-1) if b"\n" in data else data
    except (msgspec.DecodeError, UnicodeDecodeError) as why:
        raise Invalid("not_json") from why
