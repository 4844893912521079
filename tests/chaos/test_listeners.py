"""Hundreds listen while everything is killed, frozen and cut off: each hears every message once, in order."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

import pytest

from tests.chaos.conftest import Engines
from tests.chaos.faults import KINDS, Fault, faults_of
from tests.chaos.listeners import Hearing, Listener, leave_all
from tests.chaos.posters import Mouth, PatientRest, Record, Rpc, compare, keep_posting
from tests.eventually import eventually
from tests.fleet.http import Http
from tests.fleet.server import Server, person, running
from tests.fleet.wire import Wire

THREADS_EACH = 3
ARRIVAL_SECONDS = 30.0
PATIENCE_SECONDS = 90.0  # a client whose server is frozen notices after 35
LULL_SECONDS = 1.0  # people post for so long between two faults
DAY_SECONDS = "86400"  # what is good for the whole run


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    clients: int
    threads: int
    rounds: int  # 0: one fault of each kind
    longest_seconds: float
    pause_seconds: float  # of a poster, after each message


SHORT = Size(clients=60, threads=6, rounds=0, longest_seconds=7.0, pause_seconds=0.5)
LONG = Size(clients=300, threads=30, rounds=24, longest_seconds=30.0, pause_seconds=2.0)


@dataclass(slots=True)
class Crowd:
    """Everybody who listens and posts, and what they were told."""

    listeners: list[Listener] = field(default_factory=list)
    record: Record = field(default_factory=Record)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    posters: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def hearings(self) -> Iterator[Hearing]:
        return (hearing for listener in self.listeners for hearing in listener.hearings)

    def all_listen(self) -> bool:
        return all(hearing.is_on for hearing in self.hearings)

    async def arrive(self, url: str, tokens: Sequence[str], threads: Sequence[str]) -> None:
        """Each listens to a few threads; returns when all do."""
        for number, token in enumerate(tokens):
            listener = Listener(f"client {number}", self.record.wrong)
            self.listeners.append(listener)
            await listener.enter(url, token, [threads[(number + n) % len(threads)] for n in range(THREADS_EACH)])
        await eventually(self.all_listen, within=ARRIVAL_SECONDS)

    def post(self, fleet: Sequence[Server], tokens: Sequence[str], pause_seconds: float) -> None:
        """One person a thread posts over REST, at either server, and another by call, wherever they are connected."""
        threads = list(dict.fromkeys(hearing.thread for hearing in self.hearings))
        for number, thread in enumerate(threads):
            doors = [PatientRest(Http("127.0.0.1", server.port, tokens[number])) for server in fleet]
            mouths: dict[str, list[Mouth]] = {
                f"rest-{number}": [*doors[number % 2 :], *doors[: number % 2]],
                f"call-{number}": [Rpc(self.listeners[number].client)],
            }
            for name, mouth in mouths.items():
                posting = keep_posting(mouth, thread, self.record, self.stop, name=name, pause_seconds=pause_seconds)
                self.posters.append(asyncio.create_task(posting))

    async def catch_up(self) -> None:
        """Return when everybody listens and has heard all that is acknowledged by now."""
        tops = dict(self.record.tops)

        def heard() -> bool:
            if self.record.wrong:
                raise Wrong(self.record.wrong)
            return self.all_listen() and all(len(each.ids) >= tops.get(each.thread, 0) for each in self.hearings)

        try:
            await eventually(heard, within=PATIENCE_SECONDS)
        except AssertionError as error:
            raise Wrong(self._behind(tops)) from error

    def _behind(self, tops: dict[str, int]) -> list[str]:
        return [
            f"{each.who} in {each.thread} {'heard' if each.is_on else 'does not listen, heard'} {len(each.ids)} "
            f"of {tops.get(each.thread, 0)}"
            for each in self.hearings
            if not each.is_on or len(each.ids) < tops.get(each.thread, 0)
        ]

    async def fall_silent(self) -> None:
        """Return when the last words of all posters are acknowledged."""
        self.stop.set()
        await asyncio.gather(*self.posters)

    async def leave(self) -> None:
        """Whatever is going on: gone."""
        for poster in self.posters:
            poster.cancel()
        await asyncio.gather(*self.posters, return_exceptions=True)
        await leave_all(self.listeners)


class Wrong(Exception):
    """What should not have happened, the first few."""

    def __init__(self, what: Sequence[str]) -> None:
        super().__init__("\n".join([f"{len(what)} times", *what[:5]]))


def _plan(chance: random.Random, faults: list[Fault], rounds: int) -> Iterator[list[Fault]]:
    """One fault of each kind, or so many rounds of one or two at once."""
    if not rounds:
        for kind in chance.sample(KINDS, len(KINDS)):
            yield [chance.choice([fault for fault in faults if fault.kind == kind])]
    bag: list[Fault] = []
    for _ in range(rounds):
        bag = bag or chance.sample(faults, len(faults))
        some = [bag.pop()]
        others = [fault for fault in bag if fault.victim.split()[:2] != some[0].victim.split()[:2]]
        if others and chance.random() < 0.3:
            some.append(chance.choice(others))
        yield sorted(some, key=faults.index)


async def _play(chance: random.Random, faults: list[Fault], crowd: Crowd, size: Size) -> None:
    for some in _plan(chance, faults, size.rounds):
        await asyncio.sleep(LULL_SECONDS)
        seconds = [fault.lasting(chance, size.longest_seconds) for fault in some]
        print(*(f"{each.kind} {each.victim} for {lasting:.1f} s" for each, lasting in zip(some, seconds, strict=True)))
        async with asyncio.TaskGroup() as happening:
            for each, lasting in zip(some, seconds, strict=True):
                happening.create_task(each.happen(lasting))
        healed_at = time.monotonic()
        await crowd.catch_up()
        print(f"  everybody was back {time.monotonic() - healed_at:.1f} s later")


@asynccontextmanager
async def _town(engines: Engines) -> AsyncIterator[tuple[list[Server], list[Wire], Wire]]:
    """Two servers, the wire of each to Valkey, and the balancer in front of both."""
    valkey = unquote(urlsplit(engines.valkey.url).path)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="parley-chaos-")))
        wires = [await stack.enter_async_context(Wire(valkey).laid()) for _ in range(2)]
        fleet = [
            Server(engines.postgres.url(), f"redis://127.0.0.1:{wire.port}/0", folder, ACCESS_TOKEN_SECONDS=DAY_SECONDS)
            for wire in wires
        ]
        await stack.enter_async_context(running(fleet))
        yield (
            fleet,
            wires,
            await stack.enter_async_context(Wire(*(("127.0.0.1", server.port) for server in fleet)).laid()),
        )


async def _threads(server: Server, token: str, count: int) -> list[str]:
    server.http.token = token
    answers = [await server.http.call("POST", "/chat/threads", {"kind": "room", "name": f"r{n}"}) for n in range(count)]
    return [answer.body["id"] for answer in answers]


@pytest.mark.chaos
@pytest.mark.parametrize(
    "size",
    [
        pytest.param(SHORT, id="short", marks=pytest.mark.timeout(240)),  # takes 30 s where nothing else runs
        pytest.param(LONG, id="long", marks=pytest.mark.long),
    ],
)
async def test_everybody_hears_everything_once_and_in_order(engines: Engines, size: Size) -> None:
    seed = int(os.environ.get("CHAOS_SEED", random.randrange(1_000_000)))
    print(f"to see it again: CHAOS_SEED={seed}")
    chance, crowd = random.Random(seed), Crowd()
    async with _town(engines) as (fleet, wires, balancer):
        tokens = [(await person(fleet[0]))[0] for _ in range(size.clients)]
        threads = await _threads(fleet[0], tokens[0], size.threads)
        try:
            await crowd.arrive(f"ws://127.0.0.1:{balancer.port}/connection/websocket", tokens, threads)
            crowd.post(fleet, tokens, size.pause_seconds)
            await _play(chance, faults_of(engines, fleet, wires), crowd, size)
            await crowd.fall_silent()
            await crowd.catch_up()
            rows = await compare(engines.postgres.url(), crowd.record)
            assert [(each.who, each.thread) for each in crowd.hearings if each.ids != rows[each.thread]] == []
        except BaseException:
            print(*(line for server in fleet for line in server.errors()), sep="\n")
            raise
        finally:
            await crowd.leave()
