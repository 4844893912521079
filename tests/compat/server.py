"""A server process for the SDKs' own tests: `python -m tests.compat.server <redis url> <listening socket>`."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import warnings

import uvicorn
import uvloop
from jwt.warnings import InsecureKeyLengthWarning

from server import logging
from server.realtime.endpoint import Socket
from server.realtime.gateway import Gateway
from server.realtime.node import Node
from tests.compat.rooms import AnyRooms
from tests.realtime.town import App

SECRET = "secret"  # theirs, and too short for anything else


async def serve(redis_url: str, listening: socket.socket) -> None:
    """One node behind a real uvicorn, until SIGTERM."""
    node = Node(redis_url)
    server = uvicorn.Server(
        uvicorn.Config(App(node), http=Gateway, ws=Socket, lifespan="on", log_config=None, timeout_graceful_shutdown=5)
    )

    def stop() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    await node.open(AnyRooms(SECRET, node.announce))
    await server._serve([listening])  # `serve` repeats the signal when it is done
    await node.close()


if __name__ == "__main__":
    logging.configure("warning", "json")
    warnings.simplefilter("ignore", InsecureKeyLengthWarning)
    uvloop.run(serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2]))))
