"""How the words travel: JSON lines in text frames, or protobuf. Knows the words, not the socket and not the session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from server.realtime import frames
from server.realtime.protobuf import PROTOBUF
from server.realtime.protocol import Command, Malformed, Reply
from server.realtime.seam import Motion, News


class Codec(Protocol):
    """One flavour of the protocol. Everything it writes is a finished frame."""

    opcode: int

    def read(self, payload: bytes) -> list[Command]:
        """The commands in one frame, at least one; raises Malformed."""
        ...

    def write(self, reply: Reply) -> bytes:
        """A reply, a push or a ping as a finished frame."""
        ...

    def publish(self, channel: str, news: Sequence[News]) -> bytes:
        """The pushes that tell these news, a frame for each, one after the other."""
        ...


class Json:
    """One command or reply a line; payloads stand in it as they are, so they must not hold a raw newline."""

    opcode = frames.TEXT

    def __init__(self) -> None:
        self._read = msgspec.json.Decoder(Command).decode
        self._write = msgspec.json.Encoder().encode

    def read(self, payload: bytes) -> list[Command]:
        lines = payload.split(b"\n")
        if not lines[-1] and len(lines) > 1:
            lines.pop()  # one newline may end the frame
        read = self._read
        try:
            if not payload.isascii():
                payload.decode()  # msgspec lets raw payloads through unread
            return [read(line) for line in lines]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as why:
            raise Malformed(str(why)) from why

    def write(self, reply: Reply) -> bytes:
        return frames.text(self._write(reply))

    def publish(self, channel: str, news: Sequence[News]) -> bytes:
        head = b'{"push":{"channel":%b,' % self._write(channel)
        return b"".join([frames.text(head + _told(each)) for each in news])


def _told(one: News) -> bytes:
    if isinstance(one, Motion):
        return b'"%b":{"info":%b}}}' % (b"join" if one.has_come else b"leave", one.data)
    return (
        b'"pub":{"data":%b,"offset":%d}}}' % (one.data, one.offset) if one.offset else b'"pub":{"data":%b}}}' % one.data
    )


JSON = Json()
FLAVOURS: Mapping[str, Codec] = {"json": JSON, "protobuf": PROTOBUF}  # by the name they are asked for
