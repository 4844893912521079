"""A server that is told to stop: sockets are sent away with 3001, over its drain time, and come back elsewhere."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Iterator

import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from tests.fleet.server import person, servers

PEOPLE, SOCKETS_EACH = 10, 100
DRAIN_SECONDS = 2
FILES = 4_096  # both processes hold an end of each


@pytest.fixture
def many_files() -> Iterator[None]:
    """More open files than the 256 or 1,024 that are usual."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[0] < FILES and before[0] != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def _farewell(url: str, token: str, entered: asyncio.Semaphore) -> tuple[int, float]:
    """How and when it was sent away."""
    async with websockets.connect(url, compression=None, ping_interval=None) as socket:
        await socket.send(f'{{"id":1,"connect":{{"token":"{token}"}}}}')
        await socket.recv()
        entered.release()
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0, time.monotonic()


@pytest.mark.usefixtures("many_files")
async def test_a_thousand_sockets_are_told_that_the_server_leaves(fresh_database: str, redis_url: str) -> None:
    async with servers(fresh_database, redis_url, 1, DRAIN_SECONDS=str(DRAIN_SECONDS)) as (server,):
        tokens = [(await person(server))[0] for _ in range(PEOPLE)]
        entered = asyncio.Semaphore(0)
        calls = [
            asyncio.create_task(_farewell(server.socket_url, token, entered))
            for token in tokens
            for _ in range(SOCKETS_EACH)
        ]
        for _ in calls:
            await asyncio.wait_for(entered.acquire(), 20)
        assert await server.stop() == 0
        farewells = await asyncio.gather(*calls)
        assert {code for code, _ in farewells} == {3001}
        times = sorted(at for _, at in farewells)
        assert times[-1] - times[0] > DRAIN_SECONDS / 2  # spread, so that they do not come back all at once
