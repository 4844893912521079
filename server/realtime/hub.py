"""Who on this node listens to which channel, and how bytes reach them all. Knows no Redis, no users and no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Protocol

from server.realtime.codec import Codec
from server.realtime.gate import Gate
from server.realtime.protocol import Unsubscribe
from server.realtime.recovery import Recovery
from server.realtime.seam import Publication

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


class Audience:
    """The listeners of a channel that speak one codec: those that can be sent to directly, and those that lag."""

    __slots__ = ("fast", "slow")

    def __init__(self) -> None:
        self.fast: dict[Listener, Callable[[bytes], int]] = {}
        self.slow: dict[Listener, None] = {}

    def __len__(self) -> int:
        return len(self.fast) + len(self.slow)

    def add(self, listener: Listener) -> None:
        if listener.is_slow:
            self.slow[listener] = None
        else:
            self.fast[listener] = listener.send

    def remove(self, listener: Listener) -> None:
        self.fast.pop(listener, None)
        self.slow.pop(listener, None)

    def fan_out(self, frame: bytes, chunk: int) -> Iterator[None]:
        """Send the same bytes to everybody; yields wherever others should have their turn."""
        for listener in tuple(self.slow):
            listener.write(frame)  # cuts the listener that lags too far, which then leaves: hence the copy
        everybody = tuple(self.fast)
        for start in range(0, len(everybody), chunk):
            if start:
                yield
            self._send(everybody[start : start + chunk], frame)

    def _send(self, listeners: Iterable[Listener], frame: bytes) -> None:
        length = len(frame)
        pick = self.fast.get
        short: list[tuple[Listener, int]] = []
        for listener in listeners:
            send = pick(listener)
            if send is None:
                if listener in self.slow:  # it began to lag since the fan-out began
                    listener.write(frame)
                continue
            try:
                sent = send(frame)
            except BlockingIOError:
                sent = 0
            except OSError:
                continue  # the connection is broken, and its transport is about to say so
            if sent != length:
                short.append((listener, sent))
        for listener, sent in short:
            listener.carry_on(frame[sent:])


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
    )

    def __init__(self, name: str, chunk: int = CHUNK) -> None:
        self.name = name
        self._chunk = chunk
        self.gate = Gate()
        self.audiences: dict[Codec, Audience] = {}
        self.guests = 0  # joins and fillings in progress: the channel must not go away under them
        self.recoveries: list[Recovery] = []
        self.is_fanning = False
        self._agenda: deque[list[Publication] | Listener] | None = None
        self._agenda_bytes = 0

    def __len__(self) -> int:
        arriving = sum(not isinstance(each, list) for each in self._agenda or ())
        return arriving + sum(len(each) for each in self.audiences.values())

    @property
    def is_overloaded(self) -> bool:
        """Whether more waits than should; what comes now is better left where it can be read again."""
        return self._agenda_bytes > AGENDA_BYTES

    def listeners(self) -> list[Listener]:
        seated = [each for audience in self.audiences.values() for each in (*audience.fast, *audience.slow)]
        return seated + [each for each in self._agenda or () if not isinstance(each, list)]

    def seat(self, listener: Listener) -> None:
        """Let somebody listen from now on: to all that passes the gate later, and to nothing that passed before."""
        if self.is_fanning:
            self._put(listener)
            return
        audience = self.audiences.get(listener.codec)
        if audience is None:
            audience = self.audiences[listener.codec] = Audience()
        audience.add(listener)

    def unseat(self, listener: Listener) -> None:
        if audience := self.audiences.get(listener.codec):
            audience.remove(listener)
        if self._agenda and listener in self._agenda:
            self._agenda.remove(listener)

    def settle(self, listener: Listener) -> None:
        """Move somebody between those that lag and those that do not."""
        audience = self.audiences.get(listener.codec)
        if audience is not None and (listener in audience.fast or listener in audience.slow):
            audience.remove(listener)
            audience.add(listener)

    def deliver(self, publications: list[Publication]) -> Iterator[None]:
        """Send to all who listen. The caller exhausts what this returns; a fan-out under way takes the news along."""
        for recovery in self.recoveries:
            recovery.hear(publications)
        self._put(publications)
        return iter(()) if self.is_fanning else self._work_off()

    def _put(self, item: list[Publication] | Listener) -> None:
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
                if not isinstance(item, list):
                    self.is_fanning = False
                    self.seat(item)
                    self.is_fanning = True
                    continue
                self._agenda_bytes -= sum(len(each.data) for each in item)
                for codec, audience in tuple(self.audiences.items()):
                    if audience:
                        yield from audience.fan_out(codec.publish(self.name, item), self._chunk)
        finally:
            self.is_fanning = False
            self._agenda, self._agenda_bytes = None, 0


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
