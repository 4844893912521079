"""A server that is told to stop: sockets are sent away with 3001, over its drain time, and come back elsewhere."""

from __future__ import annotations

import asyncio

import websockets
from websockets.exceptions import ConnectionClosed

from tests.fleet.server import person, servers

SOCKETS = 40


async def _farewell(url: str, token: str, entered: asyncio.Semaphore) -> int | None:
    async with websockets.connect(url) as socket:
        await socket.send(f'{{"id":1,"connect":{{"token":"{token}"}}}}')
        await socket.recv()
        entered.release()
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None


async def test_sockets_are_told_that_the_server_leaves(fresh_database: str, redis_url: str) -> None:
    async with servers(fresh_database, redis_url, 1, DRAIN_SECONDS="1") as (server,):
        token, _ = await person(server)
        entered = asyncio.Semaphore(0)
        calls = [asyncio.create_task(_farewell(server.socket_url, token, entered)) for _ in range(SOCKETS)]
        for _ in calls:
            await asyncio.wait_for(entered.acquire(), 20)
        assert await server.stop() == 0
        assert await asyncio.gather(*calls) == [3001] * SOCKETS
