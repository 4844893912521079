"""A process full of people who post over sockets, each the next message as soon as the last one is acknowledged."""

from __future__ import annotations

import json
import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from tests.bench import wire
from tests.bench.line import READ_BYTES, Line, Seat

EVENTS = 1024
ANSWER_SECONDS = 10.0
FIRST_ID = 100  # behind those that were used to sign in and subscribe


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody who posts into a thread, and listens to whatever their seat says."""

    seat: Seat
    channel: str


@dataclass(frozen=True, slots=True)
class Begin:
    """Let these people sign in; answered when they have. Whoever was here before leaves."""

    port: int
    desks: Sequence[Desk]
    text: str


@dataclass(frozen=True, slots=True)
class Post:
    """Let everybody post for so long; answered with the waits for the acknowledgements, in seconds, and the clock."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hear:
    """Answered with the publications heard in all, once there are so many; with fewer when no more come."""

    pushes: int


class Senders:
    """All of them, on one epoll."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._epoll = select.epoll()
        self._lines: dict[int, Line] = {}
        self._forms: dict[int, bytes] = {}
        self._known: dict[bytes, wire.Heard] = {}
        self._pushes = 0

    def work(self) -> None:
        """Do what is asked for, until whoever asks hangs up."""
        while True:
            match self._pipe.recv():
                case Begin(port, desks, text):
                    self._begin(port, desks, text)
                    self._pipe.send(None)
                case Post(seconds):
                    self._pipe.send(self._post(seconds))
                case Hear(pushes):
                    while self._pushes < pushes and self._turn([], None):
                        pass
                    self._pipe.send(self._pushes)

    def _begin(self, port: int, desks: Sequence[Desk], text: str) -> None:
        for line in self._lines.values():
            line.close()
        self._lines, self._forms, self._pushes = {}, {}, 0
        for desk in desks:
            line = Line(desk.seat, port)
            line.sit_down()
            descriptor = line.socket.fileno()
            self._lines[descriptor] = line
            self._forms[descriptor] = _form(desk, text, descriptor)
            self._epoll.register(descriptor, select.EPOLLIN)

    def _post(self, seconds: float) -> tuple[list[float], float]:
        waits: list[float] = []
        began = time.perf_counter()
        for descriptor, line in self._lines.items():
            self._say(descriptor, line)
        under_way = len(self._lines)
        while under_way:
            under_way -= self._turn(waits, began + seconds)
        return waits, time.perf_counter() - began

    def _turn(self, waits: list[float], end: float | None) -> int:
        """Read what is there; returns how many people ceased to post, or with no end how many reads there were."""
        ceased = 0
        events = self._epoll.poll(ANSWER_SECONDS, EVENTS)
        assert events or end is None, "the server no longer answers"
        for descriptor, _ in events:
            line = self._lines[descriptor]
            heard = self._read(line)
            for reply in heard.replies:
                assert b'"publish":{}' in reply, reply
                now = time.perf_counter()
                waits.append(now - line.time)
                if end is not None and now < end:
                    self._say(descriptor, line)
                else:
                    ceased += 1
        return ceased if end is not None else len(events)

    def _read(self, line: Line) -> wire.Heard:
        data = line.receive(READ_BYTES)
        assert data, "the server hung up"
        heard = None if line.rest else self._known.get(data)
        if heard is None:
            heard = wire.read(line.rest + data)
            if not line.rest and not heard.rest:
                if len(self._known) > EVENTS:
                    self._known.clear()
                self._known[data] = heard
            line.rest = heard.rest
        for channel, first, last in heard.news:
            assert line.seen[channel] + 1 == first, f"{first} after {line.seen[channel]}"
            line.seen[channel] = last
        self._pushes += heard.pushes
        if heard.pings:
            line.send(wire.PONG * heard.pings)
        return heard

    def _say(self, descriptor: int, line: Line) -> None:
        line.posted += 1
        frame = wire.text(self._forms[descriptor] % (FIRST_ID + line.posted, line.posted))
        line.time = time.perf_counter()
        line.send(frame)


def _form(desk: Desk, text: str, number: int) -> bytes:
    """The command, but for its id and what makes the message's own id unique."""
    said = f'"text":{json.dumps(text)},"client_id":"{number}-'.encode().replace(b"%", b"%%")
    channel = desk.channel.encode()
    return b'{"id":%d,"publish":{"channel":"' + channel + b'","data":{' + said + b'%d"}}}'


def work(pipe: Connection) -> None:
    """What the process does."""
    Senders(pipe).work()
