"""Presence when a node, Redis, or the wire between them stands still for longer than a lease runs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit

import pytest

from server.embedded.valkey import Valkey
from server.realtime import news, presence
from server.realtime.presence import Presence
from server.realtime.seam import Identity, Motion
from tests.eventually import eventually
from tests.fleet.cluster import cluster
from tests.fleet.wire import Wire

CLIENTS = 500
CHANNEL = "thread:1"
LEASE_SECONDS = 1.0
ANN = Identity("ann")


class Mouth:
    """What a node said: who came, who went."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.went: list[bytes] = []

    def __call__(self, _channel: str, payload: bytes) -> None:
        for motion in news.read(payload)[1]:
            assert isinstance(motion, Motion)
            (self.came if motion.has_come else self.went).append(motion.data)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Leases end soon; tests may change the pace."""
    monkeypatch.setattr(presence, "LEASE_SECONDS", LEASE_SECONDS)
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.1)
    return monkeypatch


@pytest.fixture(params=["alone", "cluster"])
async def some_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Of one Redis, and of several that share what is kept; no other test's nodes are there to bury anybody."""
    if request.param == "alone":
        yield request.getfixturevalue("valkey").url
        return
    async with cluster() as formed:
        yield formed.url


@asynccontextmanager
async def node(url: str, mouth: Mouth | None = None) -> AsyncIterator[Presence]:
    """One node's presence, asleep."""
    found = Presence(url, mouth or Mouth())
    try:
        yield found
    finally:
        await found.close()


@asynccontextmanager
async def awake(*nodes: Presence) -> AsyncIterator[None]:
    """They renew their leases and look for the dead."""
    keeping = [asyncio.create_task(each.keep()) for each in nodes]
    try:
        yield
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.wait(keeping)


async def there(asked: Presence, count: int) -> None:
    """Return when the node sees so many in the channel."""

    async def are_there() -> bool:
        assert len(await asked.of(CHANNEL)) == count
        return True

    assert await eventually(are_there, within=20.0)


async def test_a_node_that_wakes_while_it_is_buried_gets_its_clients_back(some_url: str) -> None:
    mouth = Mouth()
    async with node(some_url) as sleeper, node(some_url, mouth) as other, awake(other):
        async with awake(sleeper):
            for number in range(CLIENTS):
                sleeper.arrive(CHANNEL, f"client-{number}", ANN)
            await there(other, CLIENTS)
        await eventually(lambda: mouth.went, within=20.0)  # the first of them was said to be gone
        async with awake(sleeper):
            await there(other, CLIENTS)
        await eventually(lambda: len(set(mouth.went)) == CLIENTS, within=20.0)  # each of them leaves for good


async def test_nobody_buries_others_before_they_had_time_to_wake(redis_url: str, hasty: pytest.MonkeyPatch) -> None:
    mouth = Mouth()
    async with node(redis_url, mouth) as one, node(redis_url) as two:
        async with awake(one, two):
            one.arrive(CHANNEL, "client", ANN)
            for number in range(CLIENTS):
                two.arrive(CHANNEL, f"client-{number}", ANN)
            await there(one, 1 + CLIENTS)
        await there(one, 0)  # all slept, or Redis did
        hasty.setattr(presence, "LEASE_SECONDS", 40.0)
        hasty.setattr(presence, "BEAT_SECONDS", 20.0)  # all wake within one beat
        async with awake(one):
            await there(one, 1)
            async with awake(two):
                await there(one, 1 + CLIENTS)
                assert mouth.went == []


async def test_what_a_broken_connection_swallowed_is_said_again(valkey: Valkey, hasty: pytest.MonkeyPatch) -> None:
    hasty.setattr(presence, "FLUSH_SECONDS", 0.3)
    async with (
        Wire(unquote(urlsplit(valkey.url).path)).laid() as wire,
        node(f"redis://127.0.0.1:{wire.port}/0") as far,
        node(valkey.url) as near,
        awake(far, near),
    ):
        far.arrive(CHANNEL, "before", ANN)
        await there(near, 1)
        wire.strand()
        far.arrive(CHANNEL, "after", ANN)
        await there(near, 2)


async def test_it_ends_whenever_it_is_told_to(redis_url: str, hasty: pytest.MonkeyPatch) -> None:
    hasty.setattr(presence, "BEAT_SECONDS", 0.001)
    async with node(redis_url) as restless:
        for _ in range(200):
            task = asyncio.create_task(restless.keep())
            restless.arrive(CHANNEL, "somebody", ANN)
            await asyncio.sleep(random.uniform(0.0, 0.02))
            task.cancel()
            await asyncio.wait([task], timeout=5.0)
            assert task.cancelled()
        restless.depart(CHANNEL, "somebody")
