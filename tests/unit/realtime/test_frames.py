"""Frames are what RFC 6455 says, judged by somebody else's parser."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from websockets.client import ClientProtocol
from websockets.frames import CTRL_OPCODES, DATA_OPCODES, Frame, Opcode
from websockets.protocol import SERVER, Protocol, State
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


@st.composite
def sent(draw: DrawFn) -> bytes:
    """What clients send: frames of every kind, whole or not, masked or not, sometimes with an accident."""
    data_frames = st.builds(Frame, st.sampled_from(DATA_OPCODES), st.binary(max_size=300), st.booleans())
    control_frames = st.builds(Frame, st.sampled_from(CTRL_OPCODES), st.binary(max_size=125))
    some = draw(st.lists(data_frames | control_frames, max_size=4))
    data = b"".join(each.serialize(mask=draw(st.sampled_from([True, True, True, False]))) for each in some)
    at = draw(st.integers(0, len(data)))
    return data[:at] + draw(st.sampled_from([b"", b"", b"\x00", b"\xff", b"\x81\xfe"])) + data[at:]


@pytest.mark.parametrize("opcode", [frames.TEXT, frames.BINARY])
@settings(max_examples=2_000, deadline=None)
@given(data=sent() | st.binary(max_size=40))
def test_what_is_read_at_once_is_what_another_parser_reads(opcode: int, data: bytes) -> None:
    payloads = frames.plain(data, opcode)
    if payloads is None:
        return  # left to that parser
    server = Protocol(SERVER, max_size=None)
    server.receive_data(data)
    read = [each for each in server.events_received() if isinstance(each, Frame)]
    assert [(each.opcode | frames.FINAL, each.fin, bytes(each.data)) for each in read] == [
        (opcode, True, payload) for payload in payloads
    ]
    assert server.parser_exc is None


@pytest.mark.parametrize("length", [0, 1, 125, 126, 4_000, 65_535])
def test_plain_frames_of_any_usual_length_are_read_at_once(length: int) -> None:
    one = Frame(Opcode.TEXT, b"x" * length).serialize(mask=True)
    assert frames.plain(one + one, frames.TEXT) == [b"x" * length] * 2
    assert frames.plain(one, frames.BINARY) is None
    assert frames.plain(one[:-1], frames.TEXT) is None
