"""Frames are what RFC 6455 says, judged by somebody else's parser."""

from __future__ import annotations

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from server.realtime import frames


def parsed(data: bytes) -> list[Frame]:
    client = ClientProtocol(parse_uri("ws://somewhere/"), state=State.OPEN, max_size=None)
    client.receive_data(data)
    return [each for each in client.events_received() if isinstance(each, Frame)]


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 300_000])
def test_a_frame_of_any_length_is_read_back(length: int) -> None:
    (frame,) = parsed(frames.text(b"x" * length))
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.TEXT, True, b"x" * length)


def test_frames_may_be_joined_and_kinds_differ() -> None:
    text, binary = parsed(frames.text(b"{}") + frames.binary(b"\x00"))
    assert (text.opcode, binary.opcode) == (Opcode.TEXT, Opcode.BINARY)
