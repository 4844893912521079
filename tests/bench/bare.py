"""The floor of a fan-out: a process that does nothing but send(2) the same bytes to so many sockets in a loop."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from tests.bench import wire

BACKLOG = 2048
ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Open:
    """Accept so many sockets on a port of its own choice; answered with the port, before they come."""

    sockets: int


@dataclass(frozen=True, slots=True)
class Send:
    """These frames, one after the other, to the sockets from `start` to `stop`; answered at once."""

    frames: tuple[bytes, ...]
    start: int
    stop: int


def work(pipe: Connection) -> None:
    """Accept, then send whatever is asked for."""
    sockets: list[socket.socket] = []
    sends: list[Callable[[bytes], int]] = []
    while True:
        match pipe.recv():
            case Open(count):
                with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as door:
                    pipe.send(door.getsockname()[1])
                    sockets += [_accepted(door) for _ in range(count)]
                sends = [each.send for each in sockets]
            case Send(frames, start, stop):
                pipe.send(None)
                some = sends[start:stop]
                for frame in frames:
                    for send in some:
                        send(frame)


def _accepted(door: socket.socket) -> socket.socket:
    client, _ = door.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    asked = b""
    while wire.END_OF_HEAD not in asked:
        asked += client.recv(4096)
    client.send(ACCEPTED)
    return client
