"""One server process under uvicorn: how it listens, and how it takes its leave. Knows no route and no channel."""

from __future__ import annotations

import asyncio
import gc
import math
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

import uvicorn
from typing_extensions import override

from server.config import Settings
from server.embedded.door import Door
from server.herald import Herald, farewell
from server.realtime.endpoint import Socket
from server.realtime.gateway import Gateway
from server.runtime import Runtime

COLLECT = (10_000, 20, 50)  # measured: half of the cost of a connection, a fifth of the p99 of a post
NOTICE_SECONDS = 3.0  # a balancer that asks every second or two has seen red by then, and sends nobody any more
KEEP_ALIVE_SECONDS = 75  # longer than proxies keep theirs: who closes first must not be the one that is asked


@dataclass(frozen=True, slots=True)
class Leave:
    """How a server takes its leave: how long the sockets have, and whether a balancer may send it new callers."""

    drain_seconds: float
    is_balanced: bool = True

    def notice_seconds(self, told: int) -> float:
        """How long the door stays open once readiness is red, by the signal: at a terminal (Ctrl-C) nobody balances."""
        return min(self.drain_seconds, NOTICE_SECONDS) if self.is_balanced and told != signal.SIGINT else 0.0


class Leaving(uvicorn.Server):
    """Tells the balancer first, sends the sockets away one by one meanwhile, and only then closes the door."""

    def __init__(self, config: uvicorn.Config, leave: Leave, url: str, say: Callable[[str], None]) -> None:
        super().__init__(config)
        self._leave = leave
        self._url = url
        self._say = say
        self._told = signal.SIGTERM
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
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._told = signal.Signals(sig)
        super().handle_exit(sig, frame)

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._say(farewell(self._leave.drain_seconds))
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        runtime: Runtime | None = self.lifespan.state.get("runtime")
        if runtime is not None:
            notice = asyncio.sleep(self._leave.notice_seconds(self._told))
            await asyncio.gather(runtime.drain(self._leave.drain_seconds), notice)
        await super().shutdown(sockets)


def spare_the_collector() -> None:
    """Let garbage collection leave out what was imported, and look less often at what is young.

    A full collection of the modules alone stops every socket for tens of milliseconds, and uvicorn leaves two dozen
    cyclic objects with each upgrade, so the usual threshold brings one about every few connections.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


def answer(
    settings: Settings, listening: socket.socket, say: Callable[[str], None], *, is_balanced: bool = True
) -> None:
    """Serve on this socket until SIGTERM or SIGINT, then let the callers go within the drain time.

    Where a balancer may stand in front, the door stays open for a moment after readiness has turned red.
    `say` is told the address when it serves, and when it begins to stop; what it misses meanwhile is logged.
    """
    config = uvicorn.Config(
        "server.main:create_app",
        factory=True,
        loop="uvloop",
        http=Gateway,
        ws=Socket,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    leave = Leave(settings.drain_seconds, is_balanced)
    server = Leaving(config, leave, Door(listening).url, say)

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn repeats the signal when it is done; caught here, a wanted end has exit code 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    server.run(sockets=[listening])
