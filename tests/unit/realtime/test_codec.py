"""The JSON flavour, line by line."""

from __future__ import annotations

import json

import pytest

from server.realtime.codec import JSON
from server.realtime.protocol import (
    EMPTY,
    PING,
    ClientInfo,
    ConnectResult,
    HistoryResult,
    Malformed,
    PresenceResult,
    PresenceStatsResult,
    Reply,
    SubscribeResult,
)
from server.realtime.seam import Publication

NO_COMMANDS = [b"", b"\n", b"{}\n\n{}", b"[]", b"{", b'{"id":-1}', b'{"id":"1"}', b'{"id":4294967296}', b"\xff", b"nul"]


def said(frame: bytes) -> str:
    """The payload of one short frame."""
    length = frame[1]
    return frame[2:].decode() if length < 126 else frame[4:].decode()


def test_two_commands_in_one_frame() -> None:
    first, second = JSON.read(b'{"id":1,"connect":{"token":"t"}}\n{"id": 2, "subscribe": {"channel": "c"}}\n')
    assert first.connect is not None
    assert first.connect.token == "t"
    assert second.subscribe is not None
    assert second.subscribe.channel == "c"


def test_unknown_fields_and_flags_are_ignored() -> None:
    (command,) = JSON.read(
        b'{"id":1,"subscribe":{"channel":"c","flag":9,"delta":"fossil","tf":{"op":"and"}},"new":[1]}'
    )
    assert command.subscribe is not None


def test_a_payload_is_kept_as_it_was_written() -> None:
    (command,) = JSON.read(b'{"id":3,"publish":{"channel":"c","data":{"b": 1.0, "a": "\xc3\xa9"}}}')
    assert command.publish is not None
    assert bytes(command.publish.data) == b'{"b": 1.0, "a": "\xc3\xa9"}'


@pytest.mark.parametrize(
    "payload",
    [
        *NO_COMMANDS,
        b'{"id":1,"rpc":{"data":"\xff"}}',
        b'{"id":1,"history":{"channel":"c","since":{"offset":-1}}}',
        b'{"id":1,"rpc":{"data":' + b"[" * 20_000 + b"]" * 20_000 + b"}}",
    ],
)
def test_what_is_no_command_is_malformed(payload: bytes) -> None:
    with pytest.raises(Malformed):
        JSON.read(payload)


def test_zero_values_are_left_out_and_empty_results_are_not() -> None:
    assert said(JSON.write(PING)) == "{}"
    assert said(JSON.write(Reply(3, publish=EMPTY))) == '{"id":3,"publish":{}}'
    assert said(JSON.write(Reply(3, subscribe=SubscribeResult()))) == '{"id":3,"subscribe":{}}'


def test_what_the_sdks_index_is_always_written() -> None:
    assert said(JSON.write(Reply(1, history=HistoryResult((), "", 0)))) == (
        '{"id":1,"history":{"publications":[],"epoch":"","offset":0}}'
    )
    assert said(JSON.write(Reply(1, presence=PresenceResult({})))) == '{"id":1,"presence":{"presence":{}}}'
    assert said(JSON.write(Reply(1, presence_stats=PresenceStatsResult(0, 0)))) == (
        '{"id":1,"presence_stats":{"num_clients":0,"num_users":0}}'
    )
    anonymous = PresenceResult({"c": ClientInfo("", "c")})
    assert said(JSON.write(Reply(1, presence=anonymous))) == (
        '{"id":1,"presence":{"presence":{"c":{"user":"","client":"c"}}}}'
    )
    expiring = ConnectResult("c", "v", expires=True, ttl=0)
    assert '"ttl":0' in said(JSON.write(Reply(1, connect=expiring)))


def test_publications_are_a_frame_each() -> None:
    both = JSON.publish('a"b', [Publication(7, b'{"x":1}'), Publication(0, b'{"typing":true}')])
    first = both[: both[1] + 2]
    second = both[len(first) :]
    assert json.loads(said(first)) == {"push": {"channel": 'a"b', "pub": {"data": {"x": 1}, "offset": 7}}}
    assert json.loads(said(second)) == {"push": {"channel": 'a"b', "pub": {"data": {"typing": True}}}}
