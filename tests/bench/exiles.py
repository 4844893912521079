"""A process full of clients that lose their server and go to another, all at once, and must miss nothing on the way."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from tests.bench import wire
from tests.bench.line import READ_BYTES, Line, Seat

EVENTS = 1024
TICK_SECONDS = 0.05
PATIENCE_SECONDS = 5.0  # the SDKs wait so long for an answer, then they hang up and begin anew
AGAIN_SECONDS = 0.2  # who finds the door closed or full knocks again after this, as the SDKs do at the soonest
EDGES = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET


@dataclass(frozen=True, slots=True)
class Settle:
    """Everybody sits down at this server, a few at a time; answered when they have. `epoch` is that of all channels."""

    port: int
    seats: Sequence[Seat]
    epoch: str
    refuge: int  # the port of the server to go to when this one is lost


@dataclass(frozen=True, slots=True)
class Told:
    """Answered at once with what is known of the flight so far."""


@dataclass(frozen=True, slots=True)
class Flight:
    """How many lost their server and when the first did; how many are back, how long each was away; failed knocks."""

    lost: int
    back: int
    began: float
    away: Sequence[float]
    knocks: int
    fresh: int  # publications that came with the recoveries


@dataclass(frozen=True, slots=True)
class Stand:
    """Answered with where everybody stands: the offset they have heard of each channel, which is without a hole."""


class Exiles:
    """All of them, on one epoll."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._epoll = select.epoll()
        self._epoll.register(pipe.fileno(), select.EPOLLIN)
        self._lines: dict[int, Line] = {}
        self._arriving: dict[int, Line] = {}
        self._waiting: list[tuple[float, Line]] = []
        self._lost_at: dict[str, float] = {}
        self._away: list[float] = []
        self._began = 0.0
        self._knocks = self._fresh = 0
        self._asked: Settle

    def work(self) -> None:
        """Listen, flee, come back; until whoever asks hangs up."""
        while True:
            for descriptor, _ in self._epoll.poll(TICK_SECONDS, EVENTS):
                if descriptor == self._pipe.fileno():
                    self._answer(self._pipe.recv())
                elif line := self._lines.get(descriptor):
                    self._hear(descriptor, line)
                elif line := self._arriving.get(descriptor):
                    self._go_on(descriptor, line)
            now = time.perf_counter()
            for descriptor, line in tuple(self._arriving.items()):
                if line.time and now - line.time > PATIENCE_SECONDS:
                    self._turn_away(descriptor, line)
            due = [line for at, line in self._waiting if at <= now]
            self._waiting = [(at, line) for at, line in self._waiting if at > now]
            for line in due:
                self._knock(line)

    def _answer(self, question: Settle | Told | Stand) -> None:
        match question:
            case Settle():
                self._settle(question)
                self._pipe.send(None)
            case Told():
                lost = len(self._lost_at)
                self._pipe.send(Flight(lost, len(self._away), self._began, self._away, self._knocks, self._fresh))
            case Stand():
                self._pipe.send([line.seen for line in self._lines.values()])

    def _settle(self, asked: Settle) -> None:
        self._asked = asked
        for seat in asked.seats:
            line = Line(seat, asked.port)
            line.sit_down()
            self._lines[line.socket.fileno()] = line
            self._epoll.register(line.socket.fileno(), select.EPOLLIN | select.EPOLLET)

    def _hear(self, descriptor: int, line: Line) -> None:
        while True:
            try:
                data = line.receive(READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._flee(descriptor, line)
                return
            heard = wire.read(line.rest + data)
            line.rest = heard.rest
            for channel, first, last in heard.news:
                assert line.seen[channel] + 1 == first, f"{first} after {line.seen[channel]}"
                line.seen[channel] = last
            if heard.pings:
                line.send(wire.PONG * heard.pings)

    def _flee(self, descriptor: int, line: Line) -> None:
        now = time.perf_counter()
        self._began = self._began or now
        self._lost_at[line.seat.token] = now
        del self._lines[descriptor]
        line.close()
        self._knock(line)

    def _knock(self, old: Line) -> None:
        """At the other server, with what was heard so far."""
        line = Line(old.seat, self._asked.refuge)
        line.seen = old.seen
        self._knocks += 1
        self._arriving[line.socket.fileno()] = line
        self._epoll.register(line.socket.fileno(), EDGES)

    def _turn_away(self, descriptor: int, line: Line) -> None:
        del self._arriving[descriptor]
        line.close()
        self._waiting.append((time.perf_counter() + AGAIN_SECONDS, line))

    def _go_on(self, descriptor: int, line: Line) -> None:
        before = sum(line.seen.values())
        try:
            there = line.arrive({name: (self._asked.epoch, line.seen[name.encode()]) for name in line.seat.channels})
        except OSError:
            self._turn_away(descriptor, line)
            return
        if there:
            self._fresh += sum(line.seen.values()) - before
            self._away.append(time.perf_counter() - self._lost_at[line.seat.token])
            self._lines[descriptor] = self._arriving.pop(descriptor)
            self._hear(descriptor, line)


def work(pipe: Connection) -> None:
    """What the process does."""
    Exiles(pipe).work()
