"""The fake Telegram as a program: the Bot API and the page at one address, until told to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from types import FrameType

import uvicorn
from typing_extensions import override

from bots.fake.meter import Meter
from bots.fake.page import Page
from bots.fake.sender import Sender
from bots.fake.world import World


class Telegram(uvicorn.Server):
    """Lets go of those who wait for updates before it ends."""

    def __init__(self, config: uvicorn.Config, world: World) -> None:
        super().__init__(config)
        self._world = world

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._world.end()
        super().handle_exit(sig, frame)


def serve(listening: socket.socket) -> None:
    """Answer on this socket until SIGTERM or SIGINT. What was said is in memory, and gone then."""
    # Numbers that no earlier start has reached: Parley knows what it has seen by its number.
    world = World(first=time.time_ns() // 1_000_000, meter=Meter())
    config = uvicorn.Config(
        Page(world), lifespan="off", log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=1
    )
    server = Telegram(config, world)

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn repeats the signal when it is done; caught here, a wanted end has exit code 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    asyncio.run(_serve(server, world, listening))


async def _serve(server: uvicorn.Server, world: World, listening: socket.socket) -> None:
    sending = asyncio.create_task(Sender(world).run(), name="webhook")
    try:
        await server.serve([listening])
    finally:
        sending.cancel()
        await asyncio.wait([sending])
