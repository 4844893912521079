"""WebSocket frames as a server sends them (RFC 6455): unmasked, whole, without extensions. Knows no socket."""

from __future__ import annotations

import struct

FINAL = 0x80  # the bit of a frame that no other continues
TEXT = FINAL | 0x1
BINARY = FINAL | 0x2
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
