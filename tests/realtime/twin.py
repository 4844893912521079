"""The rooms, played in memory: threads that anybody signed in may read and post to, with edits that move to the top."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from server.errors import Forbidden, Invalid, Limited, Missing, Unauthenticated, Unavailable
from server.realtime.seam import Entry, Forgotten, Identity, Position, Publication

REFUSALS = {"secret": Forbidden, "gone": Missing, "down": Unavailable, "busy": Limited, "odd": Invalid}


@dataclass
class Stream:
    """One channel: what each key says now, and where that stands."""

    epoch: str
    top: int = 0
    forgotten: int = 0
    rows: dict[int, bytes] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)

    def write(self, key: str, data: bytes) -> Publication:
        """Post, or edit what was posted under the same key: it leaves its old offset."""
        self.top += 1
        if key in self.places:
            self.rows.pop(self.places[key], None)
        self.places[key] = self.top
        self.rows[self.top] = data
        return Publication(self.top, data)

    def forget(self, through: int) -> None:
        """Keep only what came after."""
        self.forgotten = max(self.forgotten, through)
        self.rows = {offset: data for offset, data in self.rows.items() if offset > through}


class Streams:
    """The rows, shared by all nodes of a test."""

    def __init__(self) -> None:
        self.by_name: dict[str, Stream] = {}
        self.removed: set[tuple[str, str]] = set()
        self.banned: set[str] = set()
        self.is_down = False
        self.pause: asyncio.Event | None = None

    def of(self, channel: str) -> Stream:
        return self.by_name.setdefault(channel, Stream("e1"))

    async def ask(self) -> None:
        """The way to the rows and back, or an error."""
        await asyncio.sleep(0)
        if self.pause is not None:
            await self.pause.wait()
        if self.is_down:
            raise Unavailable("rows_down")


class Twin:
    """Meets the seam for one node. Tokens are names; `name@12.5` expires then, `expired` and `broken` are refused.

    Who was removed from a channel may listen with a token that is a number of seconds.
    """

    def __init__(self, streams: Streams, announce: Callable[[str, str, Sequence[Publication]], None]) -> None:
        self.streams = streams
        self.announce = announce
        self.joined: list[tuple[str, str]] = []
        self.noticed: list[tuple[str, bytes]] = []
        self.published: list[tuple[str, bytes]] = []
        self.hold: asyncio.Event | None = None

    async def sign_in(self, token: str) -> Identity:
        await asyncio.sleep(0)
        name, _, expires_at = token.partition("@")
        if name == "expired":
            raise Unauthenticated("token_expired")
        if name == "banned":
            raise Forbidden("account_blocked")
        if not name or name == "broken":
            raise Unauthenticated("token_invalid")
        return Identity(name, float(expires_at) if expires_at else None, b'{"likes":"tea"}')

    def own_channel(self, who: Identity) -> str | None:
        return f"plain:{who.user}" if who.user.startswith("own") else None

    async def unwelcome(self, listeners: Sequence[tuple[str, Identity]]) -> Collection[tuple[str, str]]:
        await self.streams.ask()
        return {(channel, who.user) for channel, who in listeners if (channel, who.user) in self.streams.removed}

    async def expelled(self, people: Sequence[Identity]) -> Sequence[Identity]:
        return [who for who in people if who.user in self.streams.banned]

    def changed(self, people: Sequence[Identity]) -> Sequence[Identity]:
        return people[:0]

    async def notice(self, who: Identity, data: bytes) -> None:
        self.noticed.append((who.user, data))

    async def join(self, who: Identity, channel: str, token: str = "") -> Entry:
        self.joined.append((who.user, channel))
        await self.streams.ask()
        if refusal := REFUSALS.get(channel):
            raise refusal(f"{channel}_refused")
        if channel.startswith("plain:"):
            return Entry(Position("", 0))
        stream = self.streams.of(channel)
        position = Position(stream.epoch, stream.top)
        if (channel, who.user) not in self.streams.removed:
            return Entry(position, with_presence=not channel.startswith("shy:"), forgotten=stream.forgotten)
        if token == "stale":
            raise Unauthenticated("token_expired")
        if not token.isdigit():
            raise Missing("no_such_channel") if not token else Unauthenticated("token_invalid")
        return Entry(position, is_granted=True, expires_at=time.time() + int(token))

    def publish_at_once(self, who: Identity, channel: str, data: bytes, told: Callable[[object], None]) -> bool:
        if not channel.startswith("swift:") or b"slow" in data:
            return False
        self.published.append((who.user, data))
        self.post(channel, data)
        asyncio.get_running_loop().call_soon(told, None)
        return True

    async def publish(self, who: Identity, channel: str, data: bytes) -> None:
        self.published.append((who.user, data))
        if self.hold is not None:
            await self.hold.wait()
        await self.streams.ask()
        if refusal := REFUSALS.get(channel):
            raise refusal(f"{channel}_refused")
        self.post(channel, data)

    def post(self, channel: str, data: bytes, key: str | None = None) -> Publication:
        """Commit and announce."""
        if channel.startswith("plain:"):
            publication, epoch = Publication(0, data), ""
        else:
            stream = self.streams.of(channel)
            publication, epoch = stream.write(key or f"#{stream.top + 1}", data), stream.epoch
        self.announce(channel, epoch, [publication])
        return publication

    async def call(self, who: Identity, method: str, data: bytes) -> bytes:
        await self.streams.ask()
        if method == "whoami":
            return msgspec.json.encode({"name": who.user, "sent": msgspec.Raw(data)})
        if method == "lost":
            raise Missing("no_such_message")
        if method == "bug":
            raise ZeroDivisionError
        raise Missing("unknown_method")

    async def since(self, channel: str, offset: int, limit: int) -> Sequence[Publication]:
        await self.streams.ask()
        rows = self.streams.of(channel).rows
        if self.streams.of(channel).forgotten > offset:
            raise Forgotten("position_forgotten")
        found = [Publication(each, rows[each]) for each in sorted(rows) if each > offset][:limit]
        await asyncio.sleep(0)
        return found

    async def look(self, who: Identity, channel: str) -> Entry:
        return await self.join(who, channel)

    async def before(self, channel: str, offset: int | None, limit: int) -> Sequence[Publication]:
        await self.streams.ask()
        rows = self.streams.of(channel).rows
        return [Publication(each, rows[each]) for each in sorted(rows, reverse=True) if each < (offset or each + 1)][
            :limit
        ]

    async def tops(self, channels: Sequence[str]) -> Mapping[str, Position]:
        await self.streams.ask()
        known = {name: self.streams.by_name[name] for name in channels if name in self.streams.by_name}
        return {name: Position(stream.epoch, stream.top) for name, stream in known.items()}
