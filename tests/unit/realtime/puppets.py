"""A bus on strings, listeners that write down what they hear, and a loop in which waiting takes no time."""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import Callable
from typing import Any

from typing_extensions import override

from server import ids
from server.errors import Unavailable
from server.realtime.bus import Bus, Heard
from server.realtime.codec import JSON, Codec
from server.realtime.effects import Joined
from server.realtime.presence import Presence
from server.realtime.protocol import Close, Unsubscribe
from server.realtime.seam import Identity

ANN = Identity("ann")


class PuppetBus(Bus):
    """What is told waits in `pending` until the test lets it through, loses it, doubles it or turns it round."""

    def __init__(
        self,
        url: str,
        hear: Callable[[Heard], None] | None = None,
        changed: Callable[[bool], None] | None = None,
    ) -> None:
        super().__init__(url or "redis://nowhere", hear, changed)
        self.tell_node = changed
        self.subscribed: set[str] = set()
        self.pending: list[tuple[str, bytes]] = []
        self.is_connected = True

    @property
    @override
    def is_up(self) -> bool:
        return self.is_connected

    @override
    async def connect(self) -> None:
        """There is nothing to connect to."""

    @override
    async def disconnect(self) -> None:
        """Nor to hang up."""

    @override
    async def subscribe(self, group: str) -> None:
        if not self.is_connected:
            self.subscribed.add(group)
            raise Unavailable("bus_down")
        await asyncio.sleep(0)
        self.subscribed.add(group)

    @override
    def forget(self, group: str) -> None:
        self.subscribed.discard(group)

    @override
    def tell(self, channel: str, payload: bytes) -> bool:
        if self.is_connected and channel in self.subscribed:
            self.pending.append((channel, payload))
        return True

    def let_through(self, count: int) -> None:
        some, self.pending = self.pending[:count], self.pending[count:]
        self._hear([each for each in some if each[0] in self.subscribed])

    def go_down(self) -> None:
        self.is_connected, self.pending = False, []

    def come_back(self) -> None:
        if not self.is_connected:
            self.is_connected = True
            if self.tell_node is not None:
                self.tell_node(True)


class NoPresence(Presence):
    """Nobody asks who listens, and there is no Redis to keep it in."""

    def __init__(self, url: str, tell: Callable[[str, bytes], None]) -> None:
        super().__init__(url or "redis://nowhere", tell)

    @override
    async def keep(self) -> None:
        """Nothing is kept."""

    @override
    async def close(self) -> None:
        """Nor taken away."""


class Ear:
    """A listener whose socket takes as much as `takes` allows; None is everything."""

    def __init__(self, codec: Codec = JSON) -> None:
        self.codec = codec
        self.channels: set[str] = set()
        self.is_slow = False
        self.is_over = False
        self.who: Identity | None = ANN
        self.id = ids.new().hex
        self.granted: set[str] = set()
        self.closed_with: Close | None = None
        self.turn = 0
        self.due = 0.0
        self.takes: int | None = None
        self.out = b""
        self.joined: Joined | None = None
        self.expelled: list[int] = []

    def send(self, frame: bytes) -> int:
        if self.takes is None:
            self.out += frame
            return len(frame)
        if not self.takes:
            raise BlockingIOError
        self.out += frame[: self.takes]
        return len(frame[: self.takes])

    def write(self, frame: bytes) -> None:
        self.out += frame

    def carry_on(self, rest: bytes) -> None:
        self.out += rest

    def expel(self, channel: str, why: Unsubscribe) -> None:
        self.channels.discard(channel)
        self.expelled.append(why.code)
        self.joined = None

    def is_granted(self, channel: str) -> bool:
        return channel in self.granted

    async def ready(self) -> None:
        await asyncio.sleep(0)

    def tick(self, now: float) -> None:
        """Nothing is due."""

    def cut(self, close: Close) -> None:
        self.is_over = True
        self.closed_with = close

    def welcome(self, channel: str) -> Callable[[Joined], None]:
        """What to call in the moment of joining: from here on counts."""

        def note(joined: Joined) -> None:
            self.channels.add(channel)
            self.joined = joined
            self.out = b""

        return note

    def heard(self) -> list[tuple[int, Any]]:
        """Offset and data of every publication pushed since the joining."""
        pushes = [json.loads(each)["push"]["pub"] for each in payloads(self.out)]
        return [(each.get("offset", 0), each["data"]) for each in pushes]


def payloads(data: bytes) -> list[bytes]:
    """What stands in a run of unmasked frames."""
    found = []
    while data:
        length, head = data[1], 2
        if length == 126:
            length, head = int.from_bytes(data[2:4]), 4
        elif length == 127:
            length, head = int.from_bytes(data[2:10]), 10
        found.append(data[head : head + length])
        data = data[head + length :]
    return found


class _NoWaiting(selectors.DefaultSelector):
    now = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everybody waits for somebody else")
        self.now += timeout
        return super().select(0)


class Dream(asyncio.SelectorEventLoop):
    """Time passes only when nothing else can, and then at once."""

    def __init__(self) -> None:
        self._dreamt = _NoWaiting()
        super().__init__(self._dreamt)

    @override
    def time(self) -> float:
        return float(self._dreamt.now)
