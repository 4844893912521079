"""Joining, recovering and listening while the bus does its worst: state + what was heard == fresh state, always."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.errors import Problem
from server.realtime.effects import Join, Joined
from server.realtime.node import Node
from server.realtime.seam import Position, Publication
from tests.realtime.twin import Streams, Twin
from tests.unit.realtime.puppets import ANN, Dream, Ear, NoPresence, PuppetBus

CHANNEL = "thread:1"
OFTEN = ["post", "edit", "turn", "through", "recover"] * 3 + ["lose", "double", "swap", "join"] * 2
STEPS = [*OFTEN, "leave", "down", "back", "rows", "forget"]
BEGINNING = [("join", 0), ("join", 1), ("join", 6), ("turn", 7)]
steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 7)), min_size=20, max_size=80)


@dataclass
class Person:
    """A client of the SDKs: it keeps what it heard by key, and its position."""

    node: Node
    ear: Ear = field(default_factory=Ear)
    known: dict[str, str] = field(default_factory=dict)
    position: Position = field(default_factory=lambda: Position("", 0))
    joining: asyncio.Task[None] | None = None

    @property
    def is_free(self) -> bool:
        """Whether it neither listens nor is about to."""
        return not self.ear.channels and (self.joining is None or self.joining.done())

    def catch_up(self) -> None:
        """Take in what came since the last joining; offsets must rise."""
        joined, self.ear.joined = self.ear.joined, None
        if joined is not None:
            self.position = joined.position
            for each in joined.missed or ():
                self.take(each.offset, each.data.decode().strip('"'))
        for offset, data in self.ear.heard():
            self.take(offset, data)
        self.ear.out = b""

    def take(self, offset: int, data: str) -> None:
        assert offset > self.position.offset, f"{offset} after {self.position.offset}"
        self.position = Position(self.position.epoch, offset)
        self.known[data.partition("=")[0]] = data


class Scene:
    """Two nodes, one channel, four people who move between them, and a bus on strings at each."""

    def __init__(self, chunk: int, first: int) -> None:
        self.streams = Streams()
        self.nodes = [Node("", bus=PuppetBus, presence=NoPresence, chunk=chunk, first=first) for _ in range(2)]
        self.rooms = Twin(self.streams, announce=self.announce)
        self.people = [Person(self.nodes[0]) for _ in range(4)]
        self.writes = 0
        self.forgotten: set[str] = set()

    @property
    def buses(self) -> list[PuppetBus]:
        return [each._bus for each in self.nodes if isinstance(each._bus, PuppetBus)]

    def announce(self, channel: str, epoch: str, publications: Sequence[Publication]) -> None:
        """Each bus carries it alone: what is lost on one is not lost on the other."""
        for node in self.nodes:
            node.announce(channel, epoch, publications)

    def write(self, key: str) -> None:
        self.writes += 1
        self.rooms.post(CHANNEL, f'"{key}={self.writes}"'.encode(), key)

    def rows(self) -> dict[str, str]:
        """What each key says now."""
        texts = [each.decode().strip('"') for each in self.streams.of(CHANNEL).rows.values()]
        return {each.partition("=")[0]: each for each in texts}

    def join(self, person: Person, since: Position | None) -> None:
        """Subscribe, as an SDK does; who starts anew, or cannot recover, loads the state once subscribed."""
        note = person.ear.welcome(CHANNEL)

        def welcome(joined: Joined) -> None:
            note(joined)
            if joined.missed is None:
                person.known = self.rows()

        async def go() -> None:
            try:
                await person.node.join(person.ear, ANN, Join(1, CHANNEL, since), welcome=welcome)
            except Problem:
                pass

        person.joining = asyncio.get_running_loop().create_task(go())

    def leave(self, person: Person) -> None:
        if person.ear.channels:
            person.catch_up()
            person.node.leave(person.ear, CHANNEL)
            person.ear.channels.clear()

    async def step(self, what: str, number: int) -> None:
        if what == "turn":
            await asyncio.sleep(number / 50)
        elif what in ("join", "recover", "leave"):
            self.move(what, self.people[number % 4], self.nodes[number // 4])
        elif what in ("through", "lose", "double", "swap", "down", "back"):
            self.pull(what, number, self.buses[number % 2])
        elif what == "rows":
            self.streams.is_down = not self.streams.is_down
        elif what == "forget":
            before = self.rows()
            self.streams.of(CHANNEL).forget(self.streams.of(CHANNEL).top - number // 2)
            self.forgotten |= before.keys() - self.rows().keys()
        else:
            self.write(f"old{number}" if what == "edit" else f"new{self.writes}")

    def move(self, what: str, person: Person, to: Node) -> None:
        if what != "join":
            self.leave(person)
        if what != "leave" and person.is_free:
            person.node = to
            self.join(person, person.position if what == "recover" and person.position.epoch else None)

    def pull(self, what: str, number: int, bus: PuppetBus) -> None:
        if what == "through":
            bus.let_through(number)
        elif what == "lose":
            del bus.pending[:number]
        elif what == "double":
            bus.pending += bus.pending[:number]
        elif what == "swap":
            bus.pending[:number] = reversed(bus.pending[:number])
        elif what == "down":
            bus.go_down()
        else:
            bus.come_back()

    async def come_to_rest(self) -> None:
        """The rows and the bus are back, and a check has come round."""
        self.streams.is_down = False
        for bus in self.buses:
            bus.come_back()
        await asyncio.sleep(60)
        for bus in self.buses:
            bus.let_through(1_000)
        await asyncio.sleep(60)

    def everybody_knows(self) -> None:
        for person in self.people:
            if person.ear.channels:
                person.catch_up()
                rows = self.rows()
                gone = self.forgotten - rows.keys()  # who has read it may keep it
                assert {key: word for key, word in person.known.items() if key not in gone} == rows


async def play(script: list[tuple[str, int]], chunk: int, first: int) -> None:
    scene = Scene(chunk, first)
    for node in scene.nodes:
        await node.open(scene.rooms)
    try:
        for what, number in script:
            await scene.step(what, number)
        await scene.come_to_rest()
        scene.everybody_knows()
        for person in scene.people:
            scene.leave(person)
        assert not any(node.hub.channels for node in scene.nodes)
        assert not any(bus.subscribed for bus in scene.buses)
    finally:
        for node in scene.nodes:
            await node.close()


def dream(script: list[tuple[str, int]], chunk: int = 200, first: int = 1_000) -> None:
    with asyncio.Runner(loop_factory=Dream) as runner:
        runner.run(play(script, chunk, first))


@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps, st.sampled_from([1, 200]), st.sampled_from([1, 1_000]))
def test_nobody_ever_misses_or_doubles_anything(script: list[tuple[str, int]], chunk: int, first: int) -> None:
    """With a chunk of 1 every fan-out to two people is interrupted; with a first of 1 most are fed what they missed."""
    dream(BEGINNING + script, chunk, first)


def test_a_lost_tail_is_found_by_the_check() -> None:
    dream([("join", 0), ("turn", 5), ("post", 0), ("lose", 5)])


def test_a_publication_races_with_a_recovery() -> None:
    dream([("join", 0), ("turn", 5), ("post", 0), ("leave", 0), ("post", 0), ("recover", 4), ("post", 0), ("turn", 7)])
