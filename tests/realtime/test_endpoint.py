"""The door in a real uvicorn, seen from the wire by a client that follows no SDK's manners."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from server.realtime.connection import OUTBOX_BYTES
from server.realtime.handshake import PATH
from server.realtime.session import Pace
from tests.eventually import eventually
from tests.realtime.town import House, house, town

QUICK = Pace(ping_seconds=2, pong_seconds=1, stale_seconds=1, grace_seconds=0)


@pytest.fixture
async def home(redis_url: str) -> AsyncIterator[House]:
    async with house(redis_url) as opened:
        yield opened


@asynccontextmanager
async def dialled(home: House, token: str | None = "ann") -> AsyncIterator[ClientConnection]:
    """A raw socket, signed in unless there is no token."""
    async with connect(home.url, compression=None, ping_interval=None, max_size=None) as wire:
        if token is not None:
            await wire.send(json.dumps({"id": 1, "connect": {"token": token}}))
            assert "connect" in (await told(wire))[0]
        yield wire


async def told(wire: ClientConnection) -> list[dict[str, Any]]:
    """What the next frame says."""
    async with asyncio.timeout(5):
        return [json.loads(line) for line in str(await wire.recv()).split("\n")]


async def asked(wire: ClientConnection, **command: Any) -> dict[str, Any]:
    await wire.send(json.dumps(command))
    (reply,) = await told(wire)
    return reply


async def closed(wire: ClientConnection) -> tuple[int, str]:
    """How the server ends it."""
    try:
        async with asyncio.timeout(5):
            while True:
                await wire.recv()
    except ConnectionClosed as end:
        return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (1006, "")


async def test_a_conversation(home: House) -> None:
    async with dialled(home) as wire:
        subscribed = await asked(wire, id=2, subscribe={"channel": "thread:1", "flag": 1})
        assert subscribed == {"id": 2, "subscribe": {"recoverable": True, "epoch": "e1", "positioned": True}}
        await wire.send('{"id":3,"publish":{"channel":"thread:1","data":{"text": "hi"}}}')
        both = [*await told(wire), *await told(wire)]
        assert {"id": 3, "publish": {}} in both
        assert {"push": {"channel": "thread:1", "pub": {"data": {"text": "hi"}, "offset": 1}}} in both
        called = await asked(wire, id=4, rpc={"method": "whoami", "data": [1]})
        assert called == {"id": 4, "rpc": {"data": {"name": "ann", "sent": [1]}}}
        assert await asked(wire, id=5, unsubscribe={"channel": "thread:1"}) == {"id": 5, "unsubscribe": {}}
        assert not home.node.hub.channels


async def test_connect_and_subscribe_in_one_frame_are_answered_in_order(home: House) -> None:
    async with dialled(home, None) as wire:
        await wire.send('{"id":7,"connect":{"token":"ann"}}\n{"id":8,"subscribe":{"channel":"thread:1"}}\n')
        replies = [*await told(wire), *await told(wire)]
        assert [each["id"] for each in replies] == [7, 8]
        assert replies[0]["connect"]["ping"] == 25


async def test_publishes_are_begun_in_the_order_they_came(home: House) -> None:
    home.rooms.hold = asyncio.Event()
    async with dialled(home) as wire:
        await wire.send(
            "\n".join(f'{{"id":{each},"publish":{{"channel":"thread:1","data":{each}}}}}' for each in range(2, 52))
        )
        await eventually(lambda: len(home.rooms.published) == 50)
        home.rooms.hold.set()
        replies = [reply for _ in range(50) for reply in await told(wire)]
        assert {each["id"] for each in replies} == set(range(2, 52))
        assert [int(data) for _, data in home.rooms.published] == list(range(2, 52))


async def test_who_sends_faster_than_it_can_be_served_is_not_read(home: House) -> None:
    home.rooms.hold = asyncio.Event()
    async with dialled(home) as wire:
        line = '{"id":%d,"publish":{"channel":"thread:1","data":"' + "x" * 5_000 + '"}}'

        async def flood() -> None:
            for number in range(2, 4_002):
                await wire.send(line % number)

        flooding = asyncio.create_task(flood())
        before = -1
        while before != len(home.rooms.published):  # until no more gets in
            before = len(home.rooms.published)
            await asyncio.sleep(0.2)
        assert not flooding.done()
        home.rooms.hold.set()
        replies = 0
        while replies < 4_000:
            replies += len(await told(wire))
        await flooding
        assert len(home.rooms.published) == 4_000


async def test_a_post_that_has_to_wait_is_not_overtaken(home: House) -> None:
    async with dialled(home) as wire:
        home.rooms.hold = asyncio.Event()
        for number, word in enumerate(("swift", "slow", "swift again"), 2):
            await wire.send(json.dumps({"id": number, "publish": {"channel": "swift:1", "data": word}}))
        assert (await told(wire))[0]["id"] == 2
        await eventually(lambda: len(home.rooms.published) == 3)
        home.rooms.hold.set()
        replies = [(await told(wire))[0]["id"] for _ in range(2)]
        assert sorted(replies) == [3, 4]
        posted = home.rooms.streams.of("swift:1").rows.values()
        assert list(posted) == [b'"swift"', b'"slow"', b'"swift again"']


async def test_messages_in_fragments_and_pings_between_them(home: House) -> None:
    async with dialled(home) as wire:
        ping: list[Awaitable[float]] = []

        async def parts() -> AsyncIterator[str]:
            yield '{"id":4,"rpc":{"meth'
            ping.append(await wire.ping())
            yield 'od":"whoami","data"'
            yield ":7}}"

        await wire.send(parts())
        assert await told(wire) == [{"id": 4, "rpc": {"data": {"name": "ann", "sent": 7}}}]
        await ping[0]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", 3501),
        ("{", 3501),
        ("{}\n\n{}", 3501),
        ("{}", 3501),
        (b"binary", 3501),
        ('{"id":5,"connect":{}}', 3501),
        ('{"id":5,"subscribe":{}}', 3501),
        ('{"id":5,"rpc":{"data":"' + "x" * 65_536 + '"}}', 1009),
    ],
    ids=["empty", "half", "blank", "pong", "binary", "twice", "channel", "huge"],
)
async def test_rules_that_end_it(home: House, frame: str | bytes, code: int) -> None:
    async with dialled(home) as wire:
        await wire.send(frame)
        assert (await closed(wire))[0] == code
    await eventually(lambda: not home.server.server_state.connections)


@pytest.mark.parametrize(
    ("token", "code", "reason"), [("broken", 3500, "invalid token"), ("banned", 3503, "force disconnect")]
)
async def test_who_is_not_let_in(home: House, token: str, code: int, reason: str) -> None:
    async with dialled(home, None) as wire:
        await wire.send(json.dumps({"id": 1, "connect": {"token": token}}))
        assert await closed(wire) == (code, reason)


async def test_an_expired_token_may_be_replaced(home: House) -> None:
    async with dialled(home, None) as wire:
        reply = await asked(wire, id=1, connect={"token": "expired"})
        assert reply == {"id": 1, "error": {"code": 109, "message": "token_expired"}}


@pytest.mark.parametrize(
    ("channel", "code", "temporary"),
    [("secret", 103, None), ("gone", 102, None), ("odd", 107, None), ("busy", 111, True), ("down", 100, True)],
)
async def test_subscriptions_refused(home: House, channel: str, code: int, temporary: bool | None) -> None:
    async with dialled(home) as wire:
        error = (await asked(wire, id=2, subscribe={"channel": channel}))["error"]
        assert (error["code"], error.get("temporary")) == (code, temporary)
    await eventually(lambda: not home.node.hub.channels)


async def test_a_bug_is_an_error_and_not_the_end(home: House) -> None:
    async with dialled(home) as wire:
        error = (await asked(wire, id=2, rpc={"method": "bug"}))["error"]
        assert error == {"code": 100, "message": "internal server error", "temporary": True}
        assert "rpc" in await asked(wire, id=3, rpc={"method": "whoami"})


async def test_a_channel_without_a_stream(home: House) -> None:
    async with dialled(home) as wire:
        assert await asked(wire, id=2, subscribe={"channel": "plain:1"}) == {"id": 2, "subscribe": {}}
        home.rooms.post("plain:1", b'{"typing":true}')
        assert await told(wire) == [{"push": {"channel": "plain:1", "pub": {"data": {"typing": True}}}}]


async def test_recovery_and_history_over_the_wire(home: House) -> None:
    for number in range(1, 8):
        home.rooms.post("thread:1", b"%d" % number)
    async with dialled(home) as wire:
        reply = await asked(wire, id=2, subscribe={"channel": "thread:1", "recover": True, "epoch": "e1", "offset": 4})
        result = reply["subscribe"]
        assert [each["offset"] for each in result["publications"]] == [5, 6, 7]
        assert (result["offset"], result["recovered"], result["was_recovering"]) == (4, True, True)
        reply = await asked(wire, id=3, history={"channel": "thread:1", "limit": 2, "since": {"offset": 1}})
        assert [each["data"] for each in reply["history"]["publications"]] == [2, 3]
        assert reply["history"]["offset"] == 7
    async with dialled(home) as wire:
        reply = await asked(wire, id=2, subscribe={"channel": "thread:1", "recover": True, "epoch": "e0", "offset": 4})
        assert reply["subscribe"]["was_recovering"]
        assert "recovered" not in reply["subscribe"]
        assert reply["subscribe"]["offset"] == 7


async def test_more_than_an_answer_holds_follows_page_by_page(home: House) -> None:
    for number in range(1, 6_000):
        home.rooms.streams.of("thread:1").write(str(number), b"%d" % number)
    async with dialled(home) as wire:
        reply = await asked(wire, id=2, subscribe={"channel": "thread:1", "recover": True, "epoch": "e1"})
        assert reply["subscribe"]["recovered"]
        assert reply["subscribe"].get("offset", 0) == 0
        heard = [each["offset"] for each in reply["subscribe"]["publications"]]
        home.rooms.post("thread:1", b'"live"')
        while not heard or heard[-1] < 6_000:
            heard += [push["push"]["pub"]["offset"] for push in await told(wire)]
        assert heard == list(range(1, 6_001))


async def test_who_unsubscribes_while_being_fed_is_fed_no_more(home: House) -> None:
    for number in range(1, 20_000):
        home.rooms.streams.of("thread:1").write(str(number), b'"%s"' % (b"x" * 500))
    async with dialled(home) as wire:
        await wire.send(json.dumps({"id": 2, "subscribe": {"channel": "thread:1", "recover": True, "epoch": "e1"}}))
        await wire.send(json.dumps({"id": 3, "unsubscribe": {"channel": "thread:1"}}))
        while "unsubscribe" not in (await told(wire))[0]:
            pass
        home.rooms.post("thread:1", b'"not heard"')
        assert "rpc" in await asked(wire, id=4, rpc={"method": "whoami"})
        await eventually(lambda: not home.node.hub.channels)


async def test_another_stream_sends_everybody_to_subscribe_again(home: House) -> None:
    async with dialled(home) as wire:
        home.rooms.post("thread:1", b"1")
        await asked(wire, id=2, subscribe={"channel": "thread:1"})
        del home.rooms.streams.by_name["thread:1"]
        home.rooms.streams.of("thread:1").epoch = "e2"
        home.rooms.post("thread:1", b"1")
        (push,) = await told(wire)
        assert push["push"]["unsubscribe"] == {"code": 2500, "reason": "insufficient state"}
        reply = await asked(wire, id=3, subscribe={"channel": "thread:1", "recover": True, "epoch": "e1", "offset": 1})
        assert reply["subscribe"]["epoch"] == "e2"
        assert "recovered" not in reply["subscribe"]


async def test_who_never_signs_in_or_never_answers_is_cut(redis_url: str) -> None:
    async with house(redis_url, pace=QUICK) as home, dialled(home, None) as silent, dialled(home) as deaf:
        assert await closed(silent) == (3502, "stale")
        assert await told(deaf) == [{}]
        assert await closed(deaf) == (3012, "no pong")


async def test_pongs_keep_it_open_and_expiry_ends_it(redis_url: str) -> None:
    async with house(redis_url, pace=QUICK) as home, dialled(home, f"ann@{2**31}") as wire:
        for _ in range(2):
            assert await told(wire) == [{}]
            await wire.send("{}")
        assert "refresh" in await asked(wire, id=9, refresh={"token": "ann@1"})
        assert await closed(wire) == (3005, "connection expired")


async def test_who_never_reads_is_cut_alone(home: House) -> None:
    stuck = socket.create_connection(("127.0.0.1", home.port))
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    loop = asyncio.get_running_loop()
    stuck.setblocking(False)
    key = "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 13\r\n"
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    await loop.sock_sendall(stuck, f"GET {PATH} HTTP/1.1\r\nHost: here\r\n{upgrade}{key}\r\n".encode())
    await eventually(lambda: len(home.node.guests) == 1)
    for words in (b'{"id":1,"connect":{"token":"bob"}}', b'{"id":2,"subscribe":{"channel":"thread:1"}}'):
        await loop.sock_sendall(stuck, bytes([0x81, 0x80 | len(words), 0, 0, 0, 0]) + words)
    await eventually(lambda: home.node.hub.channels)
    async with dialled(home) as wire:
        await asked(wire, id=2, subscribe={"channel": "thread:1"})
        heard = 0
        sent = 0
        while len(home.node.guests) == 2:
            sent += 1
            home.rooms.post("thread:1", b'"' + b"x" * 50_000 + b'"')
            heard += len(await told(wire))
            assert sent * 50_000 < 10 * OUTBOX_BYTES
        assert heard == sent > OUTBOX_BYTES / 50_000
    stuck.close()


@pytest.mark.parametrize(("path", "status"), [("/connection/elsewhere", 404), ("/", 404)])
async def test_there_is_one_door(home: House, path: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(home.url.replace(PATH, path))
    assert refused.value.response.status_code == status
    await eventually(lambda: not home.server.server_state.connections)


async def test_strange_pages_are_kept_out(redis_url: str) -> None:
    async with house(redis_url, origins=frozenset({"https://ours.example"})) as home:
        async with connect(home.url, origin="https://ours.example"):  # type: ignore[arg-type]
            pass
        async with connect(home.url):
            pass
        own = home.url.removesuffix(PATH).replace("ws://", "http://")
        async with connect(home.url, origin=own):  # type: ignore[arg-type]
            pass
        with pytest.raises(InvalidStatus) as refused:
            await connect(home.url, origin="https://theirs.example")  # type: ignore[arg-type]
        answer = refused.value.response
        assert answer.status_code == 403
        assert answer.body is not None
        assert b"https://theirs.example" in answer.body
        assert b"ALLOWED_ORIGINS" in answer.body


async def test_a_node_that_drains_sends_all_away_and_takes_nobody(home: House) -> None:
    async with dialled(home) as one, dialled(home) as other:
        draining = asyncio.create_task(home.node.drain(0.2))
        assert await closed(one) == (3001, "shutdown")
        assert await closed(other) == (3001, "shutdown")
        await draining
        with pytest.raises(InvalidStatus) as refused:
            await connect(home.url)
        assert refused.value.response.status_code == 503


async def test_uvicorn_stops_with_sockets_open(redis_url: str) -> None:
    async with town(redis_url, 1) as (home,), dialled(home) as wire:
        home.server.should_exit = True
        assert await closed(wire) == (3001, "shutdown")


async def test_an_abrupt_end_leaves_nothing_behind(home: House) -> None:
    async with dialled(home) as wire:
        await asked(wire, id=2, subscribe={"channel": "thread:1"})
        assert home.node.hub.channels
        wire.transport.abort()
        await eventually(lambda: not home.node.hub.channels)
        await eventually(lambda: not home.server.server_state.connections)
        assert not home.node.guests
