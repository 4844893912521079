"""One server process under uvicorn: how it listens, and how it takes its leave. Knows no route and no channel."""

from __future__ import annotations

import asyncio
import gc
import math
import signal
import socket
from collections.abc import Callable

import uvicorn
from typing_extensions import override

from server.config import Settings
from server.embedded.door import Door
from server.herald import Herald, farewell
from server.realtime.endpoint import Socket
from server.runtime import Runtime

COLLECT = (10_000, 20, 50)  # measured: half of the cost of a connection, a fifth of the p99 of a post
KEEP_ALIVE_SECONDS = 75  # longer than proxies keep theirs: who closes first must not be the one that is asked


class Leaving(uvicorn.Server):
    """Tells the balancer first, then sends the sockets away one by one, and only then closes the door."""

    def __init__(self, config: uvicorn.Config, drain_seconds: float, url: str, say: Callable[[str], None]) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._url = url
        self._say = say
        self._watching: asyncio.Task[None] | None = None

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        spare_the_collector()
        runtime: Runtime | None = self.lifespan.state.get("runtime")
        if runtime is not None:
            herald = Herald(runtime.readiness, lambda: self._say(f"Parley serves at {self._url}"))
            self._watching = asyncio.create_task(herald.watch(), name="herald")

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._say(farewell(self._drain_seconds))
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        runtime: Runtime | None = self.lifespan.state.get("runtime")
        if runtime is not None:
            await runtime.drain(self._drain_seconds)
        await super().shutdown(sockets)


def spare_the_collector() -> None:
    """Let garbage collection leave out what was imported, and look less often at what is young.

    A full collection of the modules alone stops every socket for tens of milliseconds, and uvicorn leaves two dozen
    cyclic objects with each upgrade, so the usual threshold brings one about every few connections.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


def answer(settings: Settings, listening: socket.socket, say: Callable[[str], None]) -> None:
    """Serve on this socket until SIGTERM or SIGINT, then let the callers go within the drain time.

    `say` is told the address when it serves, and when it begins to stop; what it misses meanwhile is logged.
    """
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
    server = Leaving(config, settings.drain_seconds, Door(listening).url, say)

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn repeats the signal when it is done; caught here, a wanted end has exit code 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    server.run(sockets=[listening])
