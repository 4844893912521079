"""A TCP forwarder in the test's loop: a balancer in front of servers, a wire that can be cut. Knows no protocol."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from typing_extensions import override

from tests.eventually import eventually

Target = tuple[str, int] | str  # host and port, or the path of a unix socket


class _End(asyncio.Protocol):
    """One half of a connection."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.other: _End | None = None
        self.is_stranded = False
        self.transport: asyncio.Transport

    @property
    def reaches(self) -> _End | None:
        """The other half, as long as anything gets through to it."""
        return None if self.wire.is_cut or self.is_stranded else self.other

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.wire.ends.add(self)

    @override
    def data_received(self, data: bytes) -> None:
        if self.reaches is not None:
            self.reaches.transport.write(data)

    @override
    def pause_writing(self) -> None:
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    @override
    def resume_writing(self) -> None:
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.wire.ends.discard(self)
        if self.reaches is not None:
            self.reaches.transport.close()


class _Near(_End):
    """The half of the caller, who is not read until somebody answers."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.pause_reading()
        self.wire.dial(self)


class Wire:
    """Each new connection goes to the next target that takes it. Cut, it swallows everything and closes nothing."""

    def __init__(self, *targets: Target) -> None:
        self.ends: set[_End] = set()
        self.is_cut = False
        self.port = 0
        self._targets = targets
        self._turn = itertools.cycle(targets)
        self._dialling: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """From now on neither side hears of the other, and neither is told; new callers are let in and find silence."""
        self.is_cut = True

    def strand(self) -> None:
        """Whoever is connected now hears nothing any more, not even an end; who comes later is served."""
        for end in self.ends:
            end.is_stranded = True

    def mend(self) -> None:
        """Forward again, after a reset of whatever hung."""
        self.is_cut = False
        for end in tuple(self.ends):
            end.transport.abort()

    def dial(self, near: _End) -> None:
        """Find somebody for this caller."""
        task = asyncio.get_running_loop().create_task(self._connect(near))
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)

    async def _connect(self, near: _End) -> None:
        for target in itertools.islice(self._turn, len(self._targets)):
            if self.is_cut:
                return
            try:
                far = await self._reach(target)
            except OSError:
                continue
            if near.transport.is_closing() or self.is_cut:
                far.transport.abort()
                return
            near.other, far.other = far, near
            near.transport.resume_reading()
            return
        near.transport.abort()

    async def _reach(self, target: Target) -> _End:
        loop = asyncio.get_running_loop()
        if isinstance(target, str):
            _, end = await loop.create_unix_connection(lambda: _End(self), target)
        else:
            _, end = await loop.create_connection(lambda: _End(self), *target)
        return end

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[Wire]:
        """Listen on a free port; whoever is connected at the end is reset."""
        server = await asyncio.get_running_loop().create_server(lambda: _Near(self), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tuple(self._dialling):
                task.cancel()
            self.mend()
            await eventually(lambda: not self.ends)
