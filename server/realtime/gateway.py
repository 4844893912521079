"""Where uvicorn hands over a connection: the usual upgrade becomes a socket at once, anything else is uvicorn's own.

uvicorn takes it as `http=Gateway`. The contract (uvicorn 0.54) is pinned by a test: the constructor's four keywords,
membership in `server_state.connections`, and `shutdown()` when the server stops. Measured: uvicorn's HTTP protocol
takes some 40 µs to make itself, to read an upgrade and to write it anew for the socket, and leaves circles behind.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from server.realtime.endpoint import Socket
from server.realtime.handshake import usual
from server.realtime.node import Node


class Gateway(asyncio.Protocol):
    """One connection that has said nothing yet: its first bytes decide, and another protocol takes over."""

    __slots__ = ("_app_state", "_config", "_loop", "_server_state", "_transport")

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._loop = _loop
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses
        self._peers.add(self)

    @override
    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._peers.discard(self)
        node: Node | None = self._app_state.get("node")
        if node is not None and not node.is_full and (found := usual(data, node.origins)) is not None:
            socket = Socket(self._config, self._server_state, self._app_state)
            socket.connection_made(self._transport)
            self._transport.set_protocol(socket)
            socket.open(node, *found)
        else:
            http = HttpToolsProtocol(self._config, self._server_state, self._app_state, self._loop)
            http.connection_made(self._transport)
            self._transport.set_protocol(http)
            http.data_received(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._peers.discard(self)

    def shutdown(self) -> None:
        """uvicorn stops, and waits until its connections are gone."""
        if self._transport is not None:
            self._transport.close()

    @property
    def _peers(self) -> set[Any]:
        return cast(set[Any], self._server_state.connections)  # uvicorn names its own protocols only
