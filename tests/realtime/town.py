"""A few nodes behind real uvicorn servers in this process, with one set of rows played in memory."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from server.realtime.endpoint import Socket
from server.realtime.gateway import Gateway
from server.realtime.guests import Limits
from server.realtime.handshake import PATH
from server.realtime.node import Node
from server.realtime.session import Pace
from tests.eventually import eventually
from tests.realtime.twin import Streams, Twin

UNHURRIED = Limits(commands_per_second=1e6)


@dataclass
class House:
    """One node and its door."""

    node: Node
    rooms: Twin
    port: int
    server: uvicorn.Server

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}{PATH}"


class App:
    """What the roof does for a socket: the node stands in the lifespan's state. Of REST there is nothing."""

    def __init__(self, node: Node) -> None:
        self.node = node

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["node"] = self.node
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def house(
    url: str,
    streams: Streams | None = None,
    *,
    pace: Pace | None = None,
    limits: Limits = UNHURRIED,
    origins: frozenset[str] | None = None,
) -> AsyncIterator[House]:
    """One node, open, with a server on a free port; the node is in the lifespan's state, as the roof puts it."""
    node = Node(url, pace=pace, limits=limits, origins=origins)
    rooms = Twin(streams or Streams(), node.announce)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        App(node),
        http=Gateway,
        ws=Socket,
        lifespan="on",
        log_level="warning",
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    await node.open(rooms)
    running = asyncio.create_task(server._serve([listening]))  # `serve` would take the signals, which are pytest's
    try:
        await eventually(lambda: server.started)
        yield House(node, rooms, listening.getsockname()[1], server)
    finally:
        server.should_exit = True
        await running
        await node.close()


@asynccontextmanager
async def town(url: str, count: int = 2, *, pace: Pace | None = None) -> AsyncIterator[list[House]]:
    """Several nodes over the same rows and the same bus."""
    streams = Streams()
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(house(url, streams, pace=pace)) for _ in range(count)]
