"""A process full of sockets that listen: it opens them, checks every frame, and costs less than who sends to them.

Everybody in a channel gets the same bytes, so each piece is taken apart once and known again afterwards. What is
checked for every single socket is that its offsets follow one another without a hole and without a repetition.
"""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from tests.bench import wire
from tests.bench.line import READ_BYTES, Line, Seat

AT_ONCE = 64  # handshakes under way
EVENTS = 1024
KNOWN = 4096  # pieces remembered
EDGES = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET


@dataclass(frozen=True, slots=True)
class Sit:
    """Open these; answered with how many seconds it took."""

    port: int
    seats: Sequence[Seat]


@dataclass(frozen=True, slots=True)
class Hear:
    """Answered once so many publications have been heard in all, with how many there were by then."""

    pushes: int


@dataclass(frozen=True, slots=True)
class Look:
    """Answered at once with what was seen so far."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Close everything; answered when it is done."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Publications heard, pings answered, sockets that the server closed."""

    pushes: int
    pings: int
    lost: int


class Listeners:
    """All of them, on one epoll."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._epoll = select.epoll()
        self._epoll.register(pipe.fileno(), select.EPOLLIN)
        self._lines: dict[int, Line] = {}
        self._arriving: dict[int, Line] = {}
        self._known: dict[bytes, wire.Heard] = {}
        self._goal: int | None = None
        self._pushes = self._pings = self._lost = 0

    def work(self) -> None:
        """Listen, until whoever asks hangs up."""
        poll, pipe = self._epoll.poll, self._pipe.fileno()
        while True:
            for descriptor, _ in poll(-1, EVENTS):
                line = self._lines.get(descriptor)
                if line is not None:
                    self._read(descriptor, line)
                elif descriptor == pipe:
                    self._answer(self._pipe.recv())
            if self._goal is not None and self._pushes >= self._goal:
                self._goal = None
                self._pipe.send(self._pushes)

    def _read(self, descriptor: int, line: Line) -> None:
        """Edges are told once, so all that is there is taken."""
        while True:
            try:
                data = line.receive(READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lose(descriptor, line)
                return
            heard = None if line.rest else self._known.get(data)
            if heard is None:
                heard = self._study(line, data)
            seen = line.seen
            for channel, first, last in heard.news:
                assert seen.get(channel, first - 1) + 1 == first, f"{first} after {seen[channel]} in {channel!r}"
                seen[channel] = last
            self._pushes += heard.pushes
            if len(data) < READ_BYTES:
                return

    def _study(self, line: Line, data: bytes) -> wire.Heard:
        heard = wire.read(line.rest + data if line.rest else data)
        if heard.pings:
            self._pings += heard.pings
            line.send(wire.PONG * heard.pings)
        elif not line.rest and not heard.rest:
            if len(self._known) >= KNOWN:
                self._known.clear()
            self._known[data] = heard
        line.rest = heard.rest
        return heard

    def _lose(self, descriptor: int, line: Line) -> None:
        self._lost += 1
        del self._lines[descriptor]
        line.close()

    def _answer(self, question: Sit | Hear | Look | Leave) -> None:
        match question:
            case Sit(port, seats):
                began = time.perf_counter()
                self._sit(port, seats)
                self._pipe.send(time.perf_counter() - began)
            case Hear(pushes):
                self._goal = pushes
            case Look():
                self._pipe.send(Seen(self._pushes, self._pings, self._lost))
            case Leave():
                for line in self._lines.values():
                    line.close()
                self._lines.clear()
                self._pipe.send(None)

    def _sit(self, port: int, seats: Sequence[Seat]) -> None:
        waiting = list(reversed(seats))
        with select.epoll() as door:
            while waiting or self._arriving:
                while waiting and len(self._arriving) < AT_ONCE:
                    line = Line(waiting.pop(), port)
                    self._arriving[line.socket.fileno()] = line
                    door.register(line.socket.fileno(), EDGES)
                for descriptor, _ in door.poll(-1, EVENTS):
                    line = self._arriving[descriptor]
                    if line.arrive():
                        door.unregister(descriptor)
                        del self._arriving[descriptor]
                        self._lines[descriptor] = line
                        self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLET)


def work(pipe: Connection) -> None:
    """What the process does."""
    Listeners(pipe).work()
