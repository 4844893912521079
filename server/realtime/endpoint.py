"""One WebSocket. Knows RFC 6455 and uvicorn's contract, no channel and no command.

The usual upgrade is answered by the gateway, which then calls `open`. Any other comes from uvicorn, which takes this
as `ws=Socket`; sockets get no ASGI task. The contract (uvicorn 0.54) is pinned by a test: the constructor's three
keywords, `connection_made` and `data_received` with the whole request, then `set_protocol`; membership in
`server_state.connections`, and `shutdown()` when the server stops.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Protocol, cast

from typing_extensions import override
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import SERVER, State
from websockets.protocol import Protocol as Core

from server.realtime import frames, protocol
from server.realtime.client import Client
from server.realtime.codec import Codec
from server.realtime.connection import Connection
from server.realtime.handshake import FRAME_BYTES, PATH, Handshake, quiet, spoken
from server.realtime.node import Node
from server.realtime.protocol import Close

CLOSE_SECONDS = 5.0  # for the peer to answer a close frame


class ServerState(Protocol):
    """What uvicorn keeps of its connections."""

    connections: set[Any]


class Socket(asyncio.Protocol):
    """One socket. What is usual is read here; websockets' sans-IO core is made for the first thing that is not."""

    __slots__ = ("_client", "_connection", "_core", "_node", "_parts", "_peers", "_timer", "_transport")

    def __init__(self, config: object, server_state: ServerState, app_state: dict[str, Any]) -> None:
        del config
        self._peers = server_state.connections
        self._node: Node | None = app_state.get("node")
        self._core: Core | None = None
        self._transport: asyncio.Transport | None = None
        self._connection: Connection | None = None
        self._client: Client | None = None
        self._parts: list[bytes] | None = None  # of a fragmented message; the core bounds their sum
        self._timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses
        self._peers.add(self)

    @override
    def data_received(self, data: bytes) -> None:
        client = self._client
        if self._core is not None:
            self._read(self._core, data)
        elif client is not None:
            payloads = frames.plain(data, client.codec.opcode)
            if payloads is None:
                self._read(self._made_core(), data)
            else:
                for payload in payloads:
                    client.hear(payload)
        else:
            self._core = Handshake(None if self._node is None else self._node.origins)
            self._read(self._core, data)

    def open(self, node: Node, answer: bytes, codec: Codec) -> None:
        """The upgrade is granted: say so, and begin to talk."""
        assert self._transport is not None
        self._transport.write(answer)
        self._connection = Connection(self._transport)
        self._client = Client(node, self._connection, codec, hang_up=self._hang_up, listen=self._listen)

    @override
    def pause_writing(self) -> None:
        if self._client is not None:
            self._client.lag()

    @override
    def resume_writing(self) -> None:
        if self._client is not None:
            self._client.catch_up()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._peers.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._client is not None:
            self._client.gone()
        if self._connection is not None:
            self._connection.detach()

    def shutdown(self) -> None:
        """uvicorn stops, and waits until its connections are gone."""
        if self._client is not None:
            self._client.cut(protocol.SHUTDOWN)
        elif self._transport is not None:
            self._transport.close()

    def _made_core(self) -> Core:
        """websockets' core in the middle of an open connection; from now on everything goes through it."""
        if self._core is None:
            self._core = Core(SERVER, max_size=FRAME_BYTES, logger=quiet)
        return self._core

    def _read(self, core: Core, data: bytes) -> None:
        core.receive_data(data)
        for event in core.events_received():
            if isinstance(event, Frame):
                self._take(event)
            elif isinstance(event, Request) and isinstance(core, Handshake):
                self._shake_hands(core, event)
        if core.eof_sent:
            self._part(core)
        elif core.writes and self._client is not None:
            self._client.write(b"".join(core.data_to_send()))  # a pong

    def _shake_hands(self, core: Handshake, request: Request) -> None:
        node = self._node
        if request.path.partition("?")[0] != PATH:
            response = core.reject(HTTPStatus.NOT_FOUND, "There is no socket here.\n")
        elif node is None or node.is_full:
            response = core.reject(HTTPStatus.SERVICE_UNAVAILABLE, "Full, or about to stop: try again.\n")
        else:
            response = core.accept(request)
        core.send_response(response)
        if core.state is State.OPEN and node is not None:
            request.headers.clear()  # the core keeps the request as long as the socket lives
            self.open(node, b"".join(core.data_to_send()), spoken(request.path, core.subprotocol))

    def _take(self, frame: Frame) -> None:
        if self._client is None or self._client.is_over:
            return
        if frame.opcode | frames.FINAL == self._client.codec.opcode or frame.opcode is Opcode.CONT:
            data = bytes(frame.data)
            if self._parts is None and frame.fin:
                self._client.hear(data)
                return
            self._parts = [*(self._parts or ()), data]
            if frame.fin:
                whole, self._parts = b"".join(self._parts), None
                self._client.hear(whole)
        elif frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:  # of the flavour that is not spoken here
            self._client.cut(protocol.BROKEN_RULE)

    def _hang_up(self, close: Close) -> None:
        """Say why, and give the peer a moment to answer."""
        core = self._made_core()
        if core.state is State.OPEN:
            core.send_close(close.code, close.reason)
            self._end_with(b"".join(core.data_to_send()))
            self._listen(True)

    def _part(self, core: Core) -> None:
        """Both sides have said all there is to say, or there is nobody to talk to."""
        assert self._transport is not None
        if self._client is not None:
            self._client.gone()
        self._end_with(b"".join(core.data_to_send()))
        self._transport.close()

    def _end_with(self, last: bytes) -> None:
        assert self._transport is not None
        if last:
            if self._connection is not None:
                self._connection.write_last(last)
            else:
                self._transport.write(last)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._transport.abort)

    def _listen(self, is_wanted: bool) -> None:
        transport = self._transport
        if transport is None or transport.is_closing() or transport.is_reading() == is_wanted:
            return
        if is_wanted:
            transport.resume_reading()
        else:
            transport.pause_reading()
