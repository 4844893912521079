"""A receiver of events in a process of its own, which costs as little as it can: one port takes, the other hangs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import cast

import uvloop
from typing_extensions import override

LENGTH = b"content-length: "
TAKEN = b"HTTP/1.1 204 Taken\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where it takes, and where it hangs."""

    quick: int
    hanging: int


@dataclass(frozen=True, slots=True)
class Taken:
    """How many were taken so far, when the first and the last came, and how many hang or hung."""

    count: int
    first: float
    last: float
    hung: int


class Takers:
    """What all connections count together."""

    def __init__(self) -> None:
        self.count = self.hung = 0
        self.first = self.last = 0.0

    def take(self) -> None:
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.count += 1


class Taker(asyncio.Protocol):
    """Takes one request after another on its connection."""

    def __init__(self, takers: Takers) -> None:
        self._takers = takers
        self._waiting = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            head = self._waiting[:end].lower()
            length = int(head.partition(LENGTH)[2].partition(b"\r\n")[0])
            if len(self._waiting) < end + 4 + length:
                return
            self._waiting = self._waiting[end + 4 + length :]
            self._takers.take()
            self._transport.write(TAKEN)


class Hanging(asyncio.Protocol):
    """Hears and says nothing."""

    def __init__(self, takers: Takers) -> None:
        takers.hung += 1


async def _serve(pipe: Connection) -> None:
    loop, takers = asyncio.get_running_loop(), Takers()
    quick = await loop.create_server(lambda: Taker(takers), "127.0.0.1", 0, backlog=1024)
    hanging = await loop.create_server(lambda: Hanging(takers), "127.0.0.1", 0, backlog=1024)
    ports = Ports(*(server.sockets[0].getsockname()[1] for server in (quick, hanging)))
    while True:
        wants_ports = await asyncio.to_thread(pipe.recv) == "ports"
        pipe.send(ports if wants_ports else Taken(takers.count, takers.first, takers.last, takers.hung))


def work(pipe: Connection) -> None:
    """`ports`, or anything else for what was taken."""
    uvloop.run(_serve(pipe))
