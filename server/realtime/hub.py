"""Who on this node listens to which channel, and how bytes reach them all. Knows no Redis, no users and no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from server.realtime.codec import Codec
from server.realtime.gate import Gate
from server.realtime.protocol import Unsubscribe
from server.realtime.recovery import Recovery
from server.realtime.seam import Motion, News

CHUNK = 200  # sends in one go, about a millisecond; then the other sockets have their turn
AGENDA_BYTES = 1_048_576  # what waits for a fan-out in progress; with more the gate is fed from the rows, later


class Listener(Protocol):
    """One socket, as the hub sees it."""

    codec: Codec

    @property
    def send(self) -> Callable[[bytes], int]:
        """Straight to the connection; returns how many bytes it took."""
        ...

    @property
    def is_slow(self) -> bool: ...

    @property
    def channels(self) -> Collection[str]: ...

    def write(self, frame: bytes) -> None:
        """Send in order, behind what waits already."""
        ...

    def carry_on(self, rest: bytes) -> None:
        """Send what `send` did not take."""
        ...

    def expel(self, channel: str, why: Unsubscribe) -> None:
        """Tell the client that it no longer listens."""
        ...


Send = Callable[[bytes], int]


class Crowd(NamedTuple):
    """Those who can be sent to directly. A loop over `sends` alone touches less memory, which is what it costs."""

    listeners: tuple[Listener, ...]
    sends: tuple[Send, ...]


class Audience:
    """The listeners of a channel that speak one codec: those that can be sent to directly, and those that lag."""

    __slots__ = ("_crowd", "fast", "slow")

    def __init__(self) -> None:
        self.fast: dict[Listener, Send] = {}
        self.slow: dict[Listener, None] = {}
        self._crowd: Crowd | None = None  # `fast` as the last fan-out found it; None since somebody came or left

    def __len__(self) -> int:
        return len(self.fast) + len(self.slow)

    def add(self, listener: Listener) -> None:
        self._crowd = None
        if listener.is_slow:
            self.slow[listener] = None
        else:
            self.fast[listener] = listener.send

    def remove(self, listener: Listener) -> None:
        self._crowd = None
        self.fast.pop(listener, None)
        self.slow.pop(listener, None)

    def fan_out(self, frame: bytes, chunk: int) -> Iterator[None]:
        """Send the same bytes to everybody; yields wherever others should have their turn."""
        for listener in tuple(self.slow):
            listener.write(frame)  # cuts the listener that lags too far, which then leaves: hence the copy
        if self._crowd is None:
            self._crowd = Crowd(tuple(self.fast), tuple(self.fast.values()))
        crowd = self._crowd
        for start in range(0, len(crowd.sends), chunk):
            if start:
                yield
            if self._crowd is crowd:
                for place, sent in _sent(crowd.sends[start : start + chunk], frame):
                    crowd.listeners[start + place].carry_on(frame[sent:])
            else:
                self._send_to_those_left(crowd.listeners[start : start + chunk], frame)

    def _send_to_those_left(self, listeners: Iterable[Listener], frame: bytes) -> None:
        """To those who lag by now it is written; who is gone hears nothing."""
        here = []
        for listener in listeners:
            if listener in self.fast:
                here.append(listener)
            elif listener in self.slow:
                listener.write(frame)
        for place, sent in _sent([self.fast[listener] for listener in here], frame):
            here[place].carry_on(frame[sent:])


def _sent(sends: Iterable[Send], frame: bytes) -> list[tuple[int, int]]:
    """Send to all; returns the places of those who did not take the whole frame, and how much they took."""
    length = len(frame)
    short: list[tuple[int, int]] = []
    for place, send in enumerate(sends):
        try:
            sent = send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            continue  # the connection is broken, and its transport is about to say so
        if sent != length:
            short.append((place, sent))
    return short


class Seat(NamedTuple):
    """Somebody who is about to listen, and whether they want to know who comes and goes."""

    listener: Listener
    wants_motions: bool


class Channel:
    """One channel on this node: its gate, its listeners, and what waits while a large fan-out is under way."""

    __slots__ = (
        "_agenda",
        "_agenda_bytes",
        "_chunk",
        "audiences",
        "gate",
        "guests",
        "is_fanning",
        "name",
        "recoveries",
        "reviews",
    )

    def __init__(self, name: str, chunk: int = CHUNK) -> None:
        self.name = name
        self._chunk = chunk
        self.gate = Gate()
        self.audiences: dict[tuple[Codec, bool], Audience] = {}  # the bool: whether they want motions
        self.reviews = 0  # how often it was asked who may still listen: a join that was overtaken asks again
        self.guests = 0  # joins and fillings in progress: the channel must not go away under them
        self.recoveries: list[Recovery] = []
        self.is_fanning = False
        self._agenda: deque[list[News] | Seat] | None = None
        self._agenda_bytes = 0

    def __len__(self) -> int:
        arriving = sum(isinstance(each, Seat) for each in self._agenda or ())
        return arriving + sum(len(each) for each in self.audiences.values())

    @property
    def is_overloaded(self) -> bool:
        """Whether more waits than should; what comes now is better left where it can be read again."""
        return self._agenda_bytes > AGENDA_BYTES

    def listeners(self) -> list[Listener]:
        seated = [each for audience in self.audiences.values() for each in (*audience.fast, *audience.slow)]
        return seated + [each.listener for each in self._agenda or () if isinstance(each, Seat)]

    def seat(self, listener: Listener, *, wants_motions: bool = False) -> None:
        """Let somebody listen from now on: to all that passes the gate later, and to nothing that passed before."""
        if self.is_fanning:
            self._put(Seat(listener, wants_motions))
            return
        flavour = (listener.codec, wants_motions)
        audience = self.audiences.get(flavour)
        if audience is None:
            audience = self.audiences[flavour] = Audience()
        audience.add(listener)

    def unseat(self, listener: Listener) -> None:
        for audience in self.audiences.values():
            audience.remove(listener)
        if self._agenda:
            self._agenda = deque(
                each for each in self._agenda if not (isinstance(each, Seat) and each.listener is listener)
            )

    def settle(self, listener: Listener) -> None:
        """Move somebody between those that lag and those that do not."""
        for audience in self.audiences.values():
            if listener in audience.fast or listener in audience.slow:
                audience.remove(listener)
                audience.add(listener)

    def deliver(self, news: Sequence[News]) -> Iterator[None]:
        """Send to all who listen. The caller exhausts what this returns; a fan-out under way takes the news along."""
        for recovery in self.recoveries:
            recovery.hear(news)
        self._put(list(news))
        return iter(()) if self.is_fanning else self._work_off()

    def _put(self, item: list[News] | Seat) -> None:
        if self._agenda is None:
            self._agenda = deque()
        if isinstance(item, list):
            self._agenda_bytes += sum(len(each.data) for each in item)
            if self._agenda and isinstance(self._agenda[-1], list):
                self._agenda[-1] = self._agenda[-1] + item
                return
        self._agenda.append(item)

    def _work_off(self) -> Iterator[None]:
        self.is_fanning = True
        try:
            while self._agenda:
                item = self._agenda.popleft()
                if isinstance(item, list):
                    self._agenda_bytes -= sum(len(each.data) for each in item)
                    yield from self._send(item)
                else:
                    self.is_fanning = False
                    self.seat(item.listener, wants_motions=item.wants_motions)
                    self.is_fanning = True
        finally:
            self.is_fanning = False
            self._agenda, self._agenda_bytes = None, 0

    def _send(self, news: list[News]) -> Iterator[None]:
        """Encode once per codec, and once more where some do not want to know who comes and goes."""
        has_motions = any(isinstance(each, Motion) for each in news)
        frames: dict[tuple[Codec, bool], bytes] = {}
        for (codec, wants_motions), audience in tuple(self.audiences.items()):
            if not audience:
                continue
            flavour = (codec, wants_motions and has_motions)
            if flavour not in frames:
                wanted = news if wants_motions else [each for each in news if not isinstance(each, Motion)]
                frames[flavour] = codec.publish(self.name, wanted) if wanted else b""
            if frame := frames[flavour]:
                yield from audience.fan_out(frame, self._chunk)


class Hub:
    """All channels that somebody on this node listens to, or is about to."""

    def __init__(self, chunk: int = CHUNK) -> None:
        self._chunk = chunk
        self.channels: dict[str, Channel] = {}

    def enter(self, name: str) -> Channel:
        """The channel, which stays until `release`."""
        channel = self.channels.get(name)
        if channel is None:
            channel = self.channels[name] = Channel(name, self._chunk)
        channel.guests += 1
        return channel

    def release(self, channel: Channel) -> bool:
        """Whoever entered is done; returns whether nobody is left and the channel is gone."""
        channel.guests -= 1
        return self._is_gone(channel)

    def leave(self, listener: Listener, name: str) -> bool:
        """Somebody no longer listens; returns whether nobody is left and the channel is gone."""
        channel = self.channels.get(name)
        if channel is None:
            return False
        channel.unseat(listener)
        return self._is_gone(channel)

    def settle(self, listener: Listener) -> None:
        """Somebody began to lag, or has caught up."""
        for name in listener.channels:
            if channel := self.channels.get(name):
                channel.settle(listener)

    def _is_gone(self, channel: Channel) -> bool:
        if channel.guests or len(channel) or self.channels.get(channel.name) is not channel:
            return False
        del self.channels[channel.name]
        return True
