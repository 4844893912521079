"""WebSocket frames (RFC 6455): any that a server sends, and the plainest that a client sends. Knows no socket."""

from __future__ import annotations

import struct

from websockets.frames import apply_mask  # type: ignore[attr-defined]  # its C version, where there is one

FINAL = 0x80  # the bit of a frame that no other continues
TEXT = FINAL | 0x1
BINARY = FINAL | 0x2
MASKED = 0x80
_SHORT = 125
_MEDIUM = 65_535
_short = struct.Struct("!BB").pack
_medium = struct.Struct("!BBH").pack
_long = struct.Struct("!BBQ").pack


def frame(opcode: int, payload: bytes) -> bytes:
    """One finished frame; the same bytes may be sent to any number of clients."""
    length = len(payload)
    if length <= _SHORT:
        return _short(opcode, length) + payload
    if length <= _MEDIUM:
        return _medium(opcode, 126, length) + payload
    return _long(opcode, 127, length) + payload


def text(payload: bytes) -> bytes:
    """A finished text frame; the payload is UTF-8."""
    return frame(TEXT, payload)


def binary(payload: bytes) -> bytes:
    """A finished binary frame."""
    return frame(BINARY, payload)


def plain(data: bytes, opcode: int) -> list[bytes] | None:
    """The payloads, if these bytes are whole and final frames of this kind and nothing else; None for any other."""
    payloads = []
    at, end = 0, len(data)
    while at < end:
        if end - at < 6 or data[at] != opcode:
            return None
        length = data[at + 1] - MASKED
        at += 2
        if length == 126:
            length = data[at] << 8 | data[at + 1]
            at += 2
            if length <= _SHORT:
                return None
        elif not 0 <= length <= _SHORT:
            return None
        begin = at + 4
        until = begin + length
        if until > end:
            return None
        payloads.append(apply_mask(data[begin:until], data[at:begin]))
        at = until
    return payloads
