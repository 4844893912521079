"""The outgoing half of one socket: straight to the kernel while it keeps up, a bounded backlog while it lags."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

OUTBOX_BYTES = 1_048_576  # minutes of a busy channel; who lags further is cut with 3008 and recovers by offset
_NONBLOCKING = getattr(socket, "SOCK_NONBLOCK", 0)  # says, where it exists, what the descriptor is: no system call
SEND_BUFFER_BYTES = 131_072  # the kernel's part of it, so that 10,000 stalled readers cost a known sum


class Connection:
    """Bytes leave in the order they were written.

    With a write buffer limit of 0 the transport says `pause_writing` exactly when it could not send everything, so
    as long as it has not, its buffer is empty and the socket may be written to past it.
    """

    __slots__ = ("_backlog", "_backlog_bytes", "_socket", "_transport", "is_slow", "send")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._backlog: list[bytes] | None = None
        self._backlog_bytes = 0
        self.is_slow = False
        self.send: Callable[[bytes], int] = self._send_through
        transport.set_write_buffer_limits(high=0)
        self._socket = _same_socket(transport)
        if self._socket is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            self.send = self._socket.send

    def write(self, frame: bytes) -> bool:
        """Send, or keep behind what waits already; returns False when the backlog is full."""
        if not self.is_slow:
            try:
                sent = self.send(frame)
            except BlockingIOError:
                sent = 0
            except OSError:
                return True  # broken, as the transport is about to say
            if sent != len(frame):
                self._transport.write(frame[sent:])
            return True
        if self._backlog is None:
            self._backlog = []
        self._backlog.append(frame)
        self._backlog_bytes += len(frame)
        return self._backlog_bytes <= OUTBOX_BYTES

    def carry_on(self, rest: bytes) -> None:
        """Send what `send` did not take."""
        self._transport.write(rest)

    def write_last(self, frame: bytes) -> None:
        """Forget the backlog and end with this frame, behind whatever part of another is already on its way."""
        self._backlog, self._backlog_bytes = None, 0
        self._transport.write(frame)

    def resume(self) -> None:
        """The transport has sent everything: go on with the backlog. May be slow again afterwards."""
        self.is_slow = False
        backlog, self._backlog, self._backlog_bytes = self._backlog, None, 0
        if backlog:
            self._transport.write(b"".join(backlog))

    def detach(self) -> None:
        """Let go of the socket, before its number belongs to another."""
        self.send = _gone
        if self._socket is not None:
            self._socket.detach()
            self._socket = None

    def _send_through(self, frame: bytes) -> int:
        self._transport.write(frame)
        return len(frame)


def _gone(_frame: bytes) -> int:
    raise ConnectionResetError


def _same_socket(transport: asyncio.Transport) -> socket.SocketType | None:
    """The transport's own descriptor as a socket we may send on; None behind TLS or where the loop hides it."""
    if transport.get_extra_info("ssl_object") is not None:
        return None
    theirs = transport.get_extra_info("socket")
    if theirs is None or theirs.type != socket.SOCK_STREAM:
        return None
    ours = socket.SocketType(theirs.family, theirs.type | _NONBLOCKING, 0, fileno=theirs.fileno())
    if not _NONBLOCKING:
        ours.setblocking(False)
    return ours
