"""How the words travel: JSON lines in text frames, or protobuf. Knows the words, not the socket and not the session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from server.realtime import frames
from server.realtime.protobuf import PROTOBUF
from server.realtime.protocol import Command, Malformed, Reply
from server.realtime.seam import Publication


class Codec(Protocol):
    """One flavour of the protocol. Everything it writes is a finished frame."""

    opcode: int

    def read(self, payload: bytes) -> list[Command]:
        """The commands in one frame, at least one; raises Malformed."""
        ...

    def write(self, reply: Reply) -> bytes:
        """A reply, a push or a ping as a finished frame."""
        ...

    def publish(self, channel: str, publications: Sequence[Publication]) -> bytes:
        """The pushes of these publications, a frame for each, one after the other."""
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

    def publish(self, channel: str, publications: Sequence[Publication]) -> bytes:
        head = b'{"push":{"channel":%b,"pub":{"data":' % self._write(channel)
        frame = frames.text
        return b"".join(
            frame(b'%b%b,"offset":%d}}}' % (head, each.data, each.offset) if each.offset else head + each.data + b"}}}")
            for each in publications
        )


JSON = Json()
FLAVOURS: Mapping[str, Codec] = {"json": JSON, "protobuf": PROTOBUF}  # by the name they are asked for
