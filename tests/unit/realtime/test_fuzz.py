"""Bytes that nobody sends on purpose: commands or Malformed, in every flavour, and never anything else."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from server.realtime.codec import FLAVOURS
from server.realtime.protobuf import PROTOBUF
from server.realtime.protocol import Command, Malformed
from tests.unit.realtime import peer
from tests.unit.realtime.peer import line, message, spanned, unspanned

POSITION = {"recover": True, "offset": 2**33, "epoch": "e1"}
SOUND: list[dict[str, Any]] = [
    {},
    {"id": 1, "connect": {"token": "a.b.c", "name": "js", "subs": {"user:1": POSITION}, "headers": {"a": "b"}}},
    {"id": 300, "subscribe": {"channel": "thread:1", "positioned": True, "join_leave": True, "flag": 1, **POSITION}},
    {"id": 3, "subscribe": {"channel": "thread:é", "tf": {"op": "and", "nodes": [{"key": "k", "vals": ["1", "2"]}]}}},
    {"id": 4, "publish": {"channel": "thread:1", "data": '{"text": "früh", "tags": [1, -2.5e3, null]}'}},
    {"id": 5, "history": {"channel": "thread:1", "limit": -1, "since": {"offset": 7, "epoch": "e1"}, "reverse": True}},
    {"id": 6, "rpc": {"method": "chat.post", "data": '{"text":"hi"}'}},
    {"id": 2**32 - 1, "sub_refresh": {"channel": "thread:1", "token": "t"}},
    {"send": {"data": '"typing"'}},
    {"id": 7, "presence": {"channel": "c"}, "presence_stats": {"channel": "c"}, "ping": {}, "refresh": {"token": "t"}},
]
SPLINTERS = [b"", b"\x00", b"\xff", b"\x80" * 10, b"\n", b'"', b"{", b"[" * 2_000, b"null", b"-1", b"\xed", b"\\ud800"]


def frame(flavour: str, some: list[dict[str, Any]]) -> bytes:
    if flavour == "json":
        return "\n".join(map(line, some)).encode()
    return b"".join(spanned(message(words, peer.Command).SerializeToString()) for words in some)


@st.composite
def damaged(draw: DrawFn, flavour: str) -> bytes:
    """A few commands as they should be, and then some accidents."""
    payload = frame(flavour, draw(st.lists(st.sampled_from(SOUND), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(payload)))
        until = at + draw(st.sampled_from([0, 1, 2, len(payload)]))
        splinter = draw(st.sampled_from(SPLINTERS) | st.binary(max_size=3))
        payload = payload[:at] + splinter + payload[until:]
    return payload


def read(flavour: str, payload: bytes) -> list[Command]:
    """The commands, none where there are none."""
    try:
        commands = FLAVOURS[flavour].read(payload)
    except Malformed:
        return []
    assert commands
    assert all(0 <= each.id < 2**32 for each in commands)
    return commands


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_without_accidents_all_is_read(flavour: str) -> None:
    assert read(flavour, frame(flavour, SOUND)) == read("json", frame("json", SOUND))


@pytest.mark.parametrize("flavour", FLAVOURS)
@settings(max_examples=2_000, deadline=None)
@given(payload=st.binary(max_size=200))
def test_no_bytes_raise_anything_else(flavour: str, payload: bytes) -> None:
    read(flavour, payload)


@settings(max_examples=1_000, deadline=None)
@given(damaged("json"))
def test_no_accident_in_json_raises_anything_else(payload: bytes) -> None:
    read("json", payload)


@settings(max_examples=1_000, deadline=None)
@given(damaged("protobuf"))
def test_what_is_read_after_an_accident_is_what_the_peer_reads(payload: bytes) -> None:
    commands = read("protobuf", payload)
    if any(each.history is not None and abs(each.history.limit) >= 2**31 for each in commands):
        return  # the peer cuts them to 32 bits
    try:
        peers = [peer.Command.FromString(each) for each in unspanned(payload)] if commands else []
    except DecodeError:
        return  # the peer knows more fields than we read, and what is wrong with them
    assert [PROTOBUF.read(spanned(each.SerializeToString())) for each in peers] == [[each] for each in commands]
