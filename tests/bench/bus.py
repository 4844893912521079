"""The hop from process to process through Redis: the bus beside redis-py's PubSub, alone and as fast as it goes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from redis.asyncio import Redis
from redis.utils import HIREDIS_AVAILABLE
from typing_extensions import override

from server.realtime.bus import Bus, Heard
from server.valkey import connect
from tests.bench.cpu import ran
from tests.bench.ground import ground
from tests.bench.report import Demand, Result, median, table
from tests.fleet.cluster import cluster

CHANNELS = [f"thread:0192f0c1-7a6b-7c3d-9e4f-{number:012d}" for number in range(20)]
PAYLOAD = b"x" * 200  # a short message as JSON
IN_FLIGHT = 250
PUBLISHERS = 50  # of redis-py at once: each waits for Redis's answer, as its callers do
ROUNDS = 5
ALONE_MESSAGES = 1_000
LOAD_MESSAGES = {"parley": 30_000, "parley, cluster": 30_000, "redis-py": 5_000, "redis-py, piped": 10_000}
DEADLINE_SECONDS = 60.0

SHARE = 5.0


class Way(Protocol):
    """One process that talks to itself through Redis."""

    heard: int

    async def say(self, count: int) -> None:
        """So many messages over all channels, as fast as it goes; returns when they are handed over."""

    async def say_one(self) -> None:
        """One message; returns when it is handed over."""

    async def hears(self, count: int) -> None:
        """Return when so many were heard in all."""


class Ears:
    """Counts what is heard, and wakes whoever waits for a number."""

    def __init__(self) -> None:
        self.heard = 0
        self._goal = 0
        self._reached = asyncio.Event()

    def hear(self, count: int) -> None:
        self.heard += count
        if self.heard >= self._goal:
            self._reached.set()

    async def hears(self, count: int) -> None:
        if self.heard < count:
            self._goal = count
            self._reached.clear()
            async with asyncio.timeout(DEADLINE_SECONDS):
                await self._reached.wait()


class Ours(Ears):
    """The bus; `tell` waits for nobody, so the bound on what is in flight is kept here."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.bus = Bus(url, self._hear)

    def _hear(self, heard: Heard) -> None:
        self.hear(len(heard))

    async def say(self, count: int) -> None:
        before = self.heard
        for number in range(count):
            assert self.bus.tell(CHANNELS[number % len(CHANNELS)], PAYLOAD)
            if number % IN_FLIGHT == 0:
                await self.hears(before + number - IN_FLIGHT)

    async def say_one(self) -> None:
        self.bus.tell(CHANNELS[0], PAYLOAD)


class Theirs(Ears):
    """redis-py as its guide shows it: a task that listens, and callers who await each publish."""

    def __init__(self, client: Redis) -> None:
        super().__init__()
        self.client = client

    async def listen(self) -> None:
        async with self.client.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(*CHANNELS)
            self.hear(1)
            async for _ in pubsub.listen():
                self.hear(1)

    async def say(self, count: int) -> None:
        async def publisher(first: int) -> None:
            for number in range(first, count, PUBLISHERS):
                await self.client.publish(CHANNELS[number % len(CHANNELS)], PAYLOAD)

        await asyncio.gather(*(publisher(first) for first in range(PUBLISHERS)))

    async def say_one(self) -> None:
        await self.client.publish(CHANNELS[0], PAYLOAD)


class Piped(Theirs):
    """The same with as many publishes in one round trip as others have callers."""

    @override
    async def say(self, count: int) -> None:
        for first in range(0, count, PUBLISHERS):
            pipe = self.client.pipeline(transaction=False)
            for number in range(first, first + PUBLISHERS):
                pipe.execute_command("PUBLISH", CHANNELS[number % len(CHANNELS)], PAYLOAD)
            await pipe.execute()


@dataclass(frozen=True, slots=True)
class Cost:
    """Per message, in µs: CPU of Python and of Redis, and time on the clock."""

    python: float
    redis: float
    clock: float


Found = dict[tuple[str, bool], list[Cost]]


@asynccontextmanager
async def _ours(url: str) -> AsyncIterator[Ours]:
    way = Ours(url)
    await way.bus.connect()
    await asyncio.gather(*(way.bus.subscribe(channel) for channel in CHANNELS))
    try:
        yield way
    finally:
        await way.bus.disconnect()


@asynccontextmanager
async def _theirs(url: str, kind: type[Theirs]) -> AsyncIterator[Theirs]:
    async with connect(url) as client:
        assert isinstance(client, Redis)
        way = kind(client)
        listening = asyncio.create_task(way.listen())
        try:
            await way.hears(1)
            way.heard = 0
            yield way
        finally:
            listening.cancel()
            await asyncio.wait([listening])


async def _cost(way: Way, count: int, servers: Sequence[int], *, alone: bool) -> Cost:
    before = way.heard
    redis, python, clock = sum(map(ran, servers)), ran(os.getpid()), time.perf_counter()
    if alone:
        for number in range(count):
            await way.say_one()
            await way.hears(before + number + 1)
    else:
        await way.say(count)
        await way.hears(before + count)
    clock, python, redis = time.perf_counter() - clock, ran(os.getpid()) - python, sum(map(ran, servers)) - redis
    assert way.heard == before + count
    return Cost(python / count / 1e3, redis / count / 1e3, clock / count * 1e6)


async def measure() -> Result:
    """All ways in turns, forwards and backwards, each alone and under load."""
    assert HIREDIS_AVAILABLE
    found: Found = {}
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(ground())
        formed = await stack.enter_async_context(cluster())
        members = [member.pid for member in formed.members]
        ways: dict[str, tuple[Way, Sequence[int]]] = {
            "parley": (await stack.enter_async_context(_ours(here.redis_url)), [here.valkey_pid]),
            "parley, cluster": (await stack.enter_async_context(_ours(formed.url)), members),
            "redis-py": (await stack.enter_async_context(_theirs(here.redis_url, Theirs)), [here.valkey_pid]),
            "redis-py, piped": (await stack.enter_async_context(_theirs(here.redis_url, Piped)), [here.valkey_pid]),
        }
        for number in range(ROUNDS):
            for name in ways if number % 2 == 0 else reversed(ways):
                way, servers = ways[name]
                for alone in (False,) if isinstance(way, Piped) else (True, False):
                    count = ALONE_MESSAGES if alone else LOAD_MESSAGES[name]
                    found.setdefault((name, alone), []).append(await _cost(way, count, servers, alone=alone))
    return _result(found)


def _middle(costs: Sequence[Cost]) -> Cost:
    return Cost(*(median([getattr(cost, part) for cost in costs]) for part in ("python", "redis", "clock")))


def _times(theirs: Sequence[Cost], ours: Sequence[Cost]) -> float:
    """Python's CPU over that of the neighbour in time: what the machine did to one it did to the other."""
    return median([one.python / other.python for one, other in zip(theirs, ours, strict=True)])


def _result(found: Found) -> Result:
    cells = {key: _middle(costs) for key, costs in found.items()}
    rows = [
        ("alone" if alone else "under load", name, cell.python, cell.redis, cell.clock)
        for (name, alone), cell in sorted(cells.items(), key=lambda pair: not pair[0][1])
    ]
    head = ["", "way", "python µs", "redis µs", "µs on the clock"]
    ratio = _times(found["redis-py", False], found["parley", False])
    figures = {
        "bus_python_us": cells["parley", False].python,
        "redis_py_python_us": cells["redis-py", False].python,
        "piped_redis_py_to_bus": _times(found["redis-py, piped", False], found["parley", False]),
        "cluster_bus_python_us": cells["parley, cluster", False].python,
        "alone_bus_python_us": cells["parley", True].python,
        "alone_redis_py_python_us": cells["redis-py", True].python,
        "alone_redis_py_to_bus": _times(found["redis-py", True], found["parley", True]),
    }
    demands = [
        Demand(f"under load at most 1/{SHARE:.0f} of redis-py's CPU", f"1/{ratio:.1f}", ratio >= SHARE),
    ]
    what = "Python CPU of a message over Redis and back, as fast as it goes: redis-py's PubSub ÷ the bus"
    return Result(table(head, rows), what, ratio, figures, demands)
