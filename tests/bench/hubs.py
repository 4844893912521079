"""Three ways to say something to many: Parley, a bare loop of send(2), and the hub of the tutorials; one crowd each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from server.chat.names import THREAD
from server.realtime.codec import JSON
from server.realtime.seam import Publication
from tests.bench import bare
from tests.bench.aside import Aside, aside
from tests.bench.ground import Ground
from tests.bench.line import Seat
from tests.bench.listeners import Hear, Look, Seen, Sit
from tests.bench.town import Neighbour, people, rooms
from tests.fleet.http import Http
from tests.fleet.server import Server

TEXT = "Where is my parcel? It was to come on Monday, and nobody at the door has heard of it."
LISTENERS_A_ROOM = 100
HEAD_BYTES = 4  # of a frame of this size; FastAPI writes its own


@dataclass(frozen=True, slots=True)
class Shape:
    """So many rooms with so many listeners each; so many messages are said at once, then all have to arrive."""

    name: str
    rooms: int
    listeners: int
    at_once: int = 1

    @property
    def deliveries(self) -> int:
        """Of one saying."""
        return self.listeners * self.at_once


class Hub(Protocol):
    """Something that says the same to many."""

    crowd: Aside

    @property
    def name(self) -> str: ...

    @property
    def pids(self) -> Sequence[int]:
        """Whose CPU it costs."""
        ...

    async def say(self, shape: Shape) -> None:
        """Say as many messages as the shape has at once; returns when they are on their way."""
        ...


class Parley:
    """One server process; what is said comes from another one through Redis, as it does in an installation."""

    name = "parley"

    def __init__(self, here: Ground, server: Server, other: Neighbour, crowd: Aside) -> None:
        self.crowd = crowd
        self.server = server
        self.pids = (server.pid, here.valkey_pid)
        self._here = here
        self._other = other
        self._turn = 0
        self.text = TEXT
        self.everybody: UUID
        self.hundred: Sequence[UUID]

    async def gather(self, listeners: int) -> None:
        """Everybody listens to one room and to a smaller one."""
        self.everybody, *self.hundred = await rooms(self._here, 1 + listeners // LISTENERS_A_ROOM)
        seats = []
        for number, token in enumerate(await people(self._here, listeners)):
            heard = [self.everybody, self.hundred[number // LISTENERS_A_ROOM]]
            seats.append(Seat(token, tuple(f"{THREAD}{thread}" for thread in heard)))
        await self.crowd.ask(Sit(self.server.port, seats))

    async def say(self, shape: Shape) -> None:
        await self._other.post(self.threads(shape), self.text)

    def threads(self, shape: Shape) -> list[UUID]:
        """Where the next messages go."""
        if shape.rooms == 1:
            return [self.everybody] * shape.at_once
        first, self._turn = self._turn, self._turn + shape.at_once
        return [self.hundred[number % shape.rooms] for number in range(first, self._turn)]


class Bare:
    """Nothing but send(2), in Python as well: what is left is what the kernel takes for it."""

    name = "bare send(2)"

    def __init__(self, process: Aside, crowd: Aside, sample: bytes) -> None:
        self.crowd = crowd
        self.pids = (process.pid,)
        self._process = process
        self._sample = sample
        self._offsets: dict[str, int] = {}
        self._turn = 0

    async def gather(self, listeners: int) -> None:
        port = await self._process.ask(bare.Open(listeners))
        await self.crowd.ask(Sit(port, [Seat()] * listeners))

    async def say(self, shape: Shape) -> None:
        if shape.rooms == 1:
            frames = tuple(self._frame(shape.name) for _ in range(shape.at_once))
            await self._process.ask(bare.Send(frames, 0, shape.listeners))
            return
        for _ in range(shape.at_once):
            room, self._turn = self._turn % shape.rooms, self._turn + 1
            start = room * shape.listeners
            frames = (self._frame(f"{shape.name} {room}"),)
            await self._process.ask(bare.Send(frames, start, start + shape.listeners))

    def _frame(self, room: str) -> bytes:
        offset = self._offsets[room] = self._offsets.get(room, 0) + 1
        return JSON.publish(_like_a_channel(room), [Publication(offset, self._sample)])


class Naive:
    """FastAPI, `send_text` in a loop; no rows, no Redis, no order, no recovery."""

    name = "naive hub"

    def __init__(self, process: Aside, crowd: Aside, sample: bytes) -> None:
        self.crowd = crowd
        self.pids = (process.pid,)
        self._process = process
        self._sample = sample
        self._offset = 0
        self.port = 0

    async def gather(self, listeners: int) -> None:
        self.port = await self._process.ask("the port")
        self._http = Http("127.0.0.1", self.port)
        await self.crowd.ask(Sit(self.port, [Seat(path="/room")] * listeners))

    async def say(self, shape: Shape) -> None:
        lines = []
        for _ in range(shape.at_once):
            self._offset += 1
            frame = JSON.publish(_like_a_channel("room"), [Publication(self._offset, self._sample)])
            lines.append(frame[HEAD_BYTES:].decode())
        answer = await self._http.call("POST", "/room", lines)
        assert answer.status == 204, answer


def _like_a_channel(room: str) -> str:
    """A name as long as that of a real channel, so that the frames are as long as the real ones."""
    return f"{THREAD}{room:x<36}"


async def heard(crowd: Aside) -> Seen:
    """What this crowd has heard so far."""
    seen: Seen = await crowd.ask(Look())
    return seen


@asynccontextmanager
async def naive_hub(sample: bytes, listeners: int, nice: int = 0) -> AsyncIterator[Naive]:
    """The tutorial's hub with its listeners."""
    with aside("naive") as process, aside("listeners", nice=nice) as crowd:
        hub = Naive(process, crowd, sample)
        await hub.gather(listeners)
        yield hub


@asynccontextmanager
async def bare_hub(sample: bytes, listeners: int) -> AsyncIterator[Bare]:
    """The floor with its listeners."""
    with aside("bare") as process, aside("listeners") as crowd:
        hub = Bare(process, crowd, sample)
        await hub.gather(listeners)
        yield hub


@asynccontextmanager
async def parley_hub(
    here: Ground, server: Server, other: Neighbour, listeners: int, *, nice: int = 0
) -> AsyncIterator[Parley]:
    """A real server with its listeners."""
    with aside("listeners", nice=nice) as crowd:
        hub = Parley(here, server, other, crowd)
        await hub.gather(listeners)
        yield hub


async def said(hub: Hub, shape: Shape, so_far: int) -> int:
    """Say it and wait until it is everywhere; returns what the crowd has heard by then.

    AssertionError when more is heard than was said; when less is, nothing more comes, and the crowd's answer is late.
    """
    goal = so_far + shape.deliveries
    await hub.say(shape)
    by_now = await hub.crowd.ask(Hear(goal))
    assert by_now == goal, f"{by_now - so_far} deliveries instead of {shape.deliveries}"
    return goal
