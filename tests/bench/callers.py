"""Closed-loop HTTP callers that cost next to nothing: one request's bytes again and again over kept connections."""

from __future__ import annotations

import asyncio
import time
from typing import cast

from typing_extensions import override

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length: "
SECONDS_LATE = 10.0  # beyond the end; a server that takes longer hangs


class Caller(asyncio.Protocol):
    """Asks, counts the answer's bytes without reading them, asks again until the end has come."""

    def __init__(self, request: bytes, end: float) -> None:
        self.answered = 0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._end = end
        self._head = b""
        self._missing = 0  # bytes of the body that are still to come

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    @override
    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            head, found, body = (self._head + data).partition(END_OF_HEAD)
            if not found:
                self._head = head
                return None
            self._head = b""
            if not head.startswith(b"HTTP/1.1 200"):
                return self._finish(AssertionError(head.decode("latin-1")))
            self._missing = int(head.lower().partition(LENGTH)[2].partition(b"\r\n")[0]) - len(body)
        if self._missing == 0:
            self._answered()
        return None

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._finish(exc or ConnectionResetError("the server hung up"))

    def _answered(self) -> None:
        self.answered += 1
        if time.perf_counter() < self._end:
            self._transport.write(self._request)
        else:
            self._finish(None)

    def _finish(self, error: Exception | None) -> None:
        if not self.finished.done():
            if error is None:
                self.finished.set_result(None)
            else:
                self.finished.set_exception(error)
        self._transport.close()


async def drive(port: int, request: bytes, callers: int, seconds: float) -> int:
    """How many answers so many callers got in so many seconds; AssertionError for any other than 200."""
    loop = asyncio.get_running_loop()
    end = time.perf_counter() + seconds
    started = [await loop.create_connection(lambda: Caller(request, end), "127.0.0.1", port) for _ in range(callers)]
    async with asyncio.timeout(seconds + SECONDS_LATE):
        await asyncio.gather(*(caller.finished for _, caller in started))
    return sum(caller.answered for _, caller in started)
