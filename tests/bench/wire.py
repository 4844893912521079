"""What travels between a bench's clients and a server: upgrade, masked commands, and what a read brought. No socket."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PATH = "/connection/websocket"
END_OF_HEAD = b"\r\n\r\n"
PUSH = b'{"push":'
PING = b"{}"
CLOSE = 0x88
UNMASKED = b"\0\0\0\0"  # a mask that changes nothing: the server undoes it at the same cost as any other
OFFSET = b'"offset":'

_channel = re.compile(rb'\{"push":\{"channel":"([^"]*)"').match


def upgrade(path: str) -> bytes:
    """The request that turns a connection into a socket; the answer to its key is not looked at."""
    lines = ["host: 127.0.0.1", "upgrade: websocket", "connection: Upgrade", "sec-websocket-version: 13"]
    lines.append("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==")
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


def text(payload: bytes) -> bytes:
    """One text frame as a client sends it."""
    length = len(payload)
    head = bytes((0x81, 0x80 | length)) if length < 126 else b"\x81\xfe" + length.to_bytes(2, "big")
    return head + UNMASKED + payload


def commands(*bodies: dict[str, Any]) -> bytes:
    """Commands in one frame, as the SDKs pipeline them."""
    return text(b"\n".join(json.dumps(body, separators=(",", ":")).encode() for body in bodies))


PONG = text(PING)


@dataclass(frozen=True, slots=True)
class Heard:
    """What one read brought, in whole frames; `rest` is the beginning of the next one.

    `news` holds for each run of publications of one channel its name, the first and the last offset.
    """

    pushes: int
    news: tuple[tuple[bytes, int, int], ...]
    replies: tuple[bytes, ...]
    pings: int
    close_code: int
    rest: bytes


def read(data: bytes) -> Heard:
    """Take the frames apart; AssertionError where the offsets of a channel are not consecutive within them."""
    pushes = pings = close_code = 0
    news: list[tuple[bytes, int, int]] = []
    replies: list[bytes] = []
    at = 0
    for opcode, payload, end in _frames(data):
        at = end
        if opcode == CLOSE:
            close_code = int.from_bytes(payload[:2], "big")
        elif payload.startswith(PUSH):
            pushes += 1
            _note(news, payload)
        elif payload == PING:
            pings += 1
        else:
            replies += payload.split(b"\n")
    return Heard(pushes, tuple(news), tuple(replies), pings, close_code, data[at:])


def _frames(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    at, size = 0, len(data)
    while at + 2 <= size:
        length, start = data[at + 1], at + 2
        if length == 126:
            length, start = int.from_bytes(data[start : start + 2], "big"), start + 2
        elif length == 127:
            length, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        end = start + length
        if end > size or start > size:
            return
        yield data[at], data[start:end], end
        at = end


def _note(news: list[tuple[bytes, int, int]], payload: bytes) -> None:
    found = _channel(payload)
    assert found is not None, payload[:100]
    offset = int(payload[payload.rindex(OFFSET) + len(OFFSET) :].rstrip(b"}"))
    if news and news[-1][0] == found[1]:
        channel, first, last = news[-1]
        assert offset == last + 1, f"{offset} after {last}"
        news[-1] = channel, first, offset
    else:
        news.append((found[1], offset, offset))
