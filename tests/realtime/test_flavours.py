"""How a flavour is asked for, and what is said in it: JSON in text frames, protobuf in binary ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from server.realtime.session import Pace
from tests.eventually import eventually
from tests.realtime.town import House, house
from tests.unit.realtime.peer import Command, Reply, message, spanned, unspanned

JSON, PROTOBUF = Subprotocol("centrifuge-json"), Subprotocol("centrifuge-protobuf")
FOREIGN = Subprotocol("graphql-ws")
QUICK = Pace(ping_seconds=2, pong_seconds=1, stale_seconds=1, grace_seconds=0)


@pytest.fixture
async def home(redis_url: str) -> AsyncIterator[House]:
    async with house(redis_url) as opened:
        yield opened


@asynccontextmanager
async def dialled(home: House, *subprotocols: Subprotocol, query: str = "") -> AsyncIterator[ClientConnection]:
    """A raw socket; nobody is signed in."""
    async with connect(home.url + query, subprotocols=subprotocols or None, compression=None) as wire:
        yield wire


@asynccontextmanager
async def signed_in(home: House) -> AsyncIterator[ClientConnection]:
    """A socket that speaks protobuf."""
    async with dialled(home, PROTOBUF) as wire:
        await say(wire, {"id": 1, "connect": {"token": "ann"}})
        assert (await told(wire)).HasField("connect")
        yield wire


async def say(wire: ClientConnection, *commands: dict[str, Any]) -> None:
    """These commands in one frame."""
    await wire.send(b"".join(spanned(message(words, Command).SerializeToString()) for words in commands))


async def told(wire: ClientConnection) -> Any:
    """The reply in the next frame."""
    async with asyncio.timeout(5):
        frame = await wire.recv()
    assert isinstance(frame, bytes)
    (reply,) = unspanned(frame)
    return Reply.FromString(reply)


async def ended(wire: ClientConnection) -> int:
    """The code with which the server ends it."""
    async with asyncio.timeout(5):
        await wire.wait_closed()
    return wire.close_code or 0


@pytest.mark.parametrize(
    ("offered", "query", "chosen", "is_binary"),
    [
        ([], "", None, False),
        ([JSON], "", JSON, False),
        ([PROTOBUF], "", PROTOBUF, True),
        ([FOREIGN, PROTOBUF, JSON], "", PROTOBUF, True),
        ([FOREIGN, JSON, PROTOBUF], "", JSON, False),
        ([], "?format=protobuf", None, True),
        ([], "?x=1&cf_protocol=protobuf", None, True),
        ([], "?format=json", None, False),
        ([], "?format=&cf_protocol=%ff&format", None, False),
        ([JSON], "?format=protobuf", JSON, False),
    ],
)
async def test_a_flavour_is_asked_for(
    home: House, offered: list[Subprotocol], query: str, chosen: Subprotocol | None, is_binary: bool
) -> None:
    async with dialled(home, *offered, query=query) as wire:
        assert wire.subprotocol == chosen
        if is_binary:
            await say(wire, {"id": 1, "connect": {"token": "ann"}})
            assert (await told(wire)).connect.version
        else:
            await wire.send('{"id":1,"connect":{"token":"ann"}}')
            assert str(await wire.recv()).startswith('{"id":1,"connect":{')


async def test_another_subprotocol_is_told_which_there_are(home: House) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(home.url, subprotocols=[FOREIGN])
    answer = refused.value.response
    assert answer.status_code == 400
    assert answer.body is not None
    assert b"centrifuge-json and centrifuge-protobuf" in answer.body


@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "in parts"])
@pytest.mark.parametrize(
    ("subprotocol", "halves"),
    [(JSON, (b'{"id":1,"connect":{', b'"token":"ann"}}')), (PROTOBUF, ('{"id":1,"connect":{', '"token":"ann"}}'))],
)
async def test_a_frame_of_the_other_flavour_ends_it(
    home: House, subprotocol: Subprotocol, halves: tuple[Any, Any], is_whole: bool
) -> None:
    async with dialled(home, subprotocol) as wire:
        await wire.send(halves[0] + halves[1] if is_whole else halves)
        assert await ended(wire) == 3501
    await eventually(lambda: not home.server.server_state.connections)


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\x05\x08", b"\x02\x0a\x00", b"{}"])
async def test_rules_that_end_it(home: House, payload: bytes) -> None:
    async with signed_in(home) as wire:
        await wire.send(payload)
        assert await ended(wire) == 3501


async def test_a_conversation(home: House) -> None:
    home.rooms.post("thread:1", b"1")
    async with dialled(home, PROTOBUF) as wire, dialled(home, JSON) as other:
        await other.send('{"id":1,"connect":{"token":"bob"}}\n{"id":2,"subscribe":{"channel":"thread:1"}}')
        assert '"subscribe"' in [str(await other.recv()) for _ in range(2)][1]
        subscribe = {"channel": "thread:1", "recover": True, "epoch": "e1"}
        await say(wire, {"id": 1, "connect": {"token": "ann"}}, {"id": 2, "subscribe": subscribe})
        assert (await told(wire)).connect.ping == 25
        result = (await told(wire)).subscribe
        assert [(each.offset, each.data) for each in result.publications] == [(1, b"1")]
        assert (result.recovered, result.positioned, result.epoch) == (True, True, "e1")
        await say(wire, {"id": 3, "publish": {"channel": "thread:1", "data": '{"text":"hi"}'}})
        first, second = sorted([await told(wire), await told(wire)], key=lambda reply: int(reply.id))
        assert (first.push.channel, first.push.pub.offset, first.push.pub.data) == ("thread:1", 2, b'{"text":"hi"}')
        assert (second.id, second.HasField("publish")) == (3, True)
        assert await other.recv() == '{"push":{"channel":"thread:1","pub":{"data":{"text":"hi"},"offset":2}}}'
        await say(wire, {"id": 4, "history": {"channel": "thread:1", "limit": -1}})
        assert [each.offset for each in (await told(wire)).history.publications] == [1, 2]
        await say(wire, {"id": 5, "rpc": {"method": "lost"}})
        assert (await told(wire)).error.code == 404
        await say(wire, {"id": 6, "unsubscribe": {"channel": "thread:1"}})
        assert (await told(wire)).HasField("unsubscribe")


async def test_pings_are_a_single_byte(redis_url: str) -> None:
    async with house(redis_url, pace=QUICK) as home, signed_in(home) as wire:
        for _ in range(2):
            assert await wire.recv() == b"\x00"
            await wire.send(b"\x00")
        await say(wire, {"id": 2, "ping": {}})
        assert (await told(wire)).HasField("ping")
