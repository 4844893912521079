"""One server process under uvicorn: how it listens, and how it takes its leave. Knows no route and no channel."""

from __future__ import annotations

import math
import signal
import socket

import uvicorn
from typing_extensions import override

from server.config import Settings
from server.realtime.endpoint import Socket
from server.runtime import Runtime

KEEP_ALIVE_SECONDS = 75  # longer than proxies keep theirs: who closes first must not be the one that is asked


class Leaving(uvicorn.Server):
    """Tells the balancer first, then sends the sockets away one by one, and only then closes the door."""

    def __init__(self, config: uvicorn.Config, drain_seconds: float) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        runtime: Runtime | None = self.lifespan.state.get("runtime")
        if runtime is not None:
            await runtime.drain(self._drain_seconds)
        await super().shutdown(sockets)


def answer(settings: Settings, listening: socket.socket) -> None:
    """Serve on this socket until SIGTERM or SIGINT, then let the callers go within the drain time."""
    config = uvicorn.Config(
        "server.main:create_app",
        factory=True,
        loop="uvloop",
        http="httptools",
        ws=Socket,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    server = Leaving(config, settings.drain_seconds)

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn repeats the signal when it is done; caught here, a wanted end has exit code 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    server.run(sockets=[listening])
