"""The door uvicorn calls for every WebSocket upgrade. Knows RFC 6455 and uvicorn's contract, no channel and no command.

uvicorn takes it as `ws=Socket`; sockets get no ASGI task. The contract (uvicorn 0.54) is pinned by a test: the
constructor's three keywords, `connection_made` and `data_received` with the whole request, then `set_protocol`;
membership in `server_state.connections`, and `shutdown()` when the server stops.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Protocol, cast
from urllib.parse import parse_qs

from typing_extensions import override
from websockets.datastructures import Headers
from websockets.exceptions import InvalidOrigin, NegotiationError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from server.realtime import frames, protocol
from server.realtime.client import Client
from server.realtime.codec import FLAVOURS, JSON, Codec
from server.realtime.connection import Connection
from server.realtime.node import Node
from server.realtime.origins import may_open
from server.realtime.protocol import Close

PATH = "/connection/websocket"
FRAME_BYTES = 65_536  # more in one message is closed with 1009
CLOSE_SECONDS = 5.0  # for the peer to answer a close frame
_SUBPROTOCOLS = {Subprotocol(f"centrifuge-{name}"): codec for name, codec in FLAVOURS.items()}
_quiet = logging.getLogger("server.realtime.handshake")
_quiet.setLevel(logging.WARNING)  # a line for every connection costs as much as its handshake


class Handshake(ServerProtocol):
    """websockets' core with our choice of subprotocol and pages, and words that say what to do about a refusal."""

    pages: frozenset[str] | None = None  # that may open a socket beside our own; None: any

    @override
    def accept(self, request: Request) -> Response:
        response = super().accept(request)
        if isinstance(self.handshake_exc, InvalidOrigin):
            asked = f"Pages from {self.handshake_exc.value} may not open a socket here"
            return self.reject(HTTPStatus.FORBIDDEN, f"{asked}: add that address to ALLOWED_ORIGINS of this server.\n")
        return response

    @override
    def process_origin(self, headers: Headers) -> Origin | None:
        origin = super().process_origin(headers)  # only browsers send one, and only they need the check
        if origin and self.pages is not None and not may_open(origin, ",".join(headers.get_all("host")), self.pages):
            raise InvalidOrigin(origin)
        return origin

    @override
    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        if not subprotocols:
            return None
        for each in subprotocols:
            if each in _SUBPROTOCOLS:
                return each
        raise NegotiationError(f"spoken here are {' and '.join(_SUBPROTOCOLS)}")


def _spoken(path: str, subprotocol: Subprotocol | None) -> Codec:
    """The flavour asked for: as a subprotocol, or in the address by whoever cannot name one; else JSON."""
    if subprotocol is not None:
        return _SUBPROTOCOLS[subprotocol]
    query = parse_qs(path.partition("?")[2])
    asked = [*query.get("format", ()), *query.get("cf_protocol", ())]
    return next((FLAVOURS[name] for name in asked if name in FLAVOURS), JSON)


class ServerState(Protocol):
    """What uvicorn keeps of its connections."""

    connections: set[Any]


class Socket(asyncio.Protocol):
    """One socket: handshake and inbound frames through websockets' sans-IO core, everything else by its client."""

    __slots__ = ("_client", "_connection", "_node", "_parser", "_parts", "_peers", "_timer", "_transport")

    def __init__(self, config: object, server_state: ServerState, app_state: dict[str, Any]) -> None:
        del config
        self._peers = server_state.connections
        self._node: Node | None = app_state.get("node")
        self._parser = Handshake(max_size=FRAME_BYTES, logger=_quiet)
        self._parser.pages = self._node.origins if self._node is not None else None
        self._transport: asyncio.Transport | None = None
        self._connection: Connection | None = None
        self._client: Client | None = None
        self._parts: list[bytes] | None = None  # of a fragmented message; the parser bounds their sum
        self._timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses
        self._peers.add(self)

    @override
    def data_received(self, data: bytes) -> None:
        parser = self._parser
        parser.receive_data(data)
        for event in parser.events_received():
            if isinstance(event, Frame):
                self._take(event)
            elif isinstance(event, Request):
                self._shake_hands(event)
        if parser.eof_sent:
            self._part()
        elif parser.writes and self._client is not None:
            self._client.write(b"".join(parser.data_to_send()))  # a pong

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

    def _shake_hands(self, request: Request) -> None:
        assert self._transport is not None
        parser, node = self._parser, self._node
        if request.path.partition("?")[0] != PATH:
            response = parser.reject(HTTPStatus.NOT_FOUND, "There is no socket here.\n")
        elif node is None or node.is_full:
            response = parser.reject(HTTPStatus.SERVICE_UNAVAILABLE, "Full, or about to stop: try again.\n")
        else:
            response = parser.accept(request)
        parser.send_response(response)
        if parser.state is State.OPEN and node is not None:
            request.headers.clear()  # the parser keeps the request as long as the socket lives
            self._transport.write(b"".join(parser.data_to_send()))
            self._connection = Connection(self._transport)
            codec = _spoken(request.path, parser.subprotocol)
            self._client = Client(node, self._connection, codec, hang_up=self._hang_up, listen=self._listen)

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
        if self._parser.state is State.OPEN:
            self._parser.send_close(close.code, close.reason)
            self._end_with(b"".join(self._parser.data_to_send()))
            self._listen(True)

    def _part(self) -> None:
        """Both sides have said all there is to say, or there is nobody to talk to."""
        assert self._transport is not None
        if self._client is not None:
            self._client.gone()
        self._end_with(b"".join(self._parser.data_to_send()))
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
