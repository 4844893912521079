"""One client's connection without an event loop's comforts: it opens, signs in, subscribes, and then is read from."""

from __future__ import annotations

import errno
import json
import select
import socket
import time
from dataclasses import dataclass
from typing import Any

from tests.bench import wire

READ_BYTES = 65_536
SIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Seat:
    """Who sits there and listens to what. Without a token nothing is said after the upgrade."""

    token: str = ""
    channels: tuple[str, ...] = ()
    path: str = wire.PATH


class Line:
    """Call `arrive` whenever something happened on it, until it is seated; from then on read from it.

    `time` is when it last asked for something, 0 before.
    """

    __slots__ = ("_awaited", "_is_upgraded", "posted", "receive", "rest", "seat", "seen", "send", "socket", "time")

    def __init__(self, seat: Seat, port: int, receive_buffer: int = 0) -> None:
        self.seat = seat
        self.socket = socket.socket()
        self.socket.setblocking(False)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.receive = self.socket.recv
        self.send = self.socket.send
        self.rest = b""
        self.seen: dict[bytes, int] = {}
        self.posted = 0
        self.time = 0.0
        self._is_upgraded: bool | None = None  # None: not even asked for
        self._awaited = 1 + len(seat.channels) if seat.token else 0
        failed = self.socket.connect_ex(("127.0.0.1", port))
        assert failed in (0, errno.EINPROGRESS), errno.errorcode[failed]

    def arrive(self, positions: dict[str, tuple[str, int]] | None = None) -> bool:
        """Go on with opening; returns whether it is seated. `positions` are those to recover from.

        OSError when the server is not there or refuses for now, AssertionError when it refuses for good.
        """
        if self._is_upgraded is None:
            try:
                self.send(wire.upgrade(self.seat.path))
            except BlockingIOError:
                return False
            self._is_upgraded = False
        try:
            data = self.receive(READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            raise ConnectionResetError("the server hung up")
        self.rest += data
        if not self._is_upgraded:
            head, found, self.rest = self.rest.partition(wire.END_OF_HEAD)
            if not found:
                self.rest = head
                return False
            if not head.startswith(b"HTTP/1.1 101"):
                raise ConnectionRefusedError(head.decode("latin-1"))
            self._is_upgraded = True
            if self.seat.token:
                self.send(self._hello(positions or {}))
                self.time = time.perf_counter()
        return self._is_seated()

    def sit_down(self) -> None:
        """Wait until it is seated."""
        happening = select.poll()
        happening.register(self.socket.fileno(), select.POLLOUT)
        while True:
            assert happening.poll(SIT_SECONDS * 1000), "the server does not answer"
            if self.arrive():
                return
            happening.register(self.socket.fileno(), select.POLLIN)

    def close(self) -> None:
        self.socket.close()

    def _is_seated(self) -> bool:
        heard = wire.read(self.rest)
        self.rest = heard.rest
        for reply in heard.replies:
            self._note(json.loads(reply))
            self._awaited -= 1
        # What is pushed behind the last reply belongs to whoever reads from now on.
        assert not heard.pushes or self._awaited <= 0
        for channel, first, last in heard.news:
            assert self.seen[channel] + 1 == first
            self.seen[channel] = last
        return self._awaited <= 0

    def _note(self, reply: dict[str, Any]) -> None:
        if reply.get("error", {}).get("temporary"):
            raise ConnectionRefusedError(reply)
        assert "error" not in reply, reply
        if "subscribe" in reply:
            found, channel = reply["subscribe"], self.seat.channels[reply["id"] - 2].encode()
            at = self.seen[channel] if found.get("was_recovering") else found.get("offset", 0)
            for publication in found.get("publications", ()):
                assert publication["offset"] == at + 1, (publication["offset"], at)
                at += 1
            self.seen[channel] = at
            assert found.get("recovered", False) == found.get("was_recovering", False), reply

    def _hello(self, positions: dict[str, tuple[str, int]]) -> bytes:
        bodies: list[dict[str, Any]] = [{"id": 1, "connect": {"token": self.seat.token, "name": "js"}}]
        for number, channel in enumerate(self.seat.channels, 2):
            asked: dict[str, Any] = {"channel": channel, "flag": 1}
            if channel in positions:
                epoch, offset = positions[channel]
                self.seen[channel.encode()] = offset
                asked |= {"recover": True, "epoch": epoch, "offset": offset}
            bodies.append({"id": number, "subscribe": asked})
        return wire.commands(*bodies)
