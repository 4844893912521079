"""What the protocol asks of a server and SDKs rely on without saying so, over the wire."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from server.embedded.valkey import Valkey
from server.realtime.handshake import FRAME_BYTES
from tests.eventually import eventually
from tests.realtime.test_endpoint import asked, closed, dialled, told
from tests.realtime.town import House, house, town
from tests.rest.house import open_house

CHANNEL = "thread:1"
ROUNDS = 30


@pytest.fixture
async def home(redis_url: str) -> AsyncIterator[House]:
    async with house(redis_url) as opened:
        yield opened


async def test_nothing_of_a_channel_precedes_the_answer_to_subscribe(redis_url: str) -> None:
    async with town(redis_url) as (here, there), dialled(here) as wire:
        for number in range(ROUNDS):
            await wire.send(json.dumps({"id": 2, "subscribe": {"channel": CHANNEL, "join_leave": True}}))
            there.rooms.post(CHANNEL, b"%d" % number)
            (first,) = await told(wire)
            assert first["id"] == 2
            last = there.rooms.post(CHANNEL, b'"last"').offset
            heard: list[int] = []
            while last not in heard:
                heard += [said["push"]["pub"]["offset"] for said in await told(wire) if "pub" in said.get("push", {})]
            assert heard == list(range(first["subscribe"].get("offset", 0) + 1, last + 1))
            await wire.send(json.dumps({"id": 3, "unsubscribe": {"channel": CHANNEL}}))
            while (await told(wire))[0].get("id") != 3:
                pass


async def test_a_frame_of_64_kib_is_taken_and_no_byte_more(home: House) -> None:
    line = '{"id":2,"rpc":{"method":"whoami","data":"%s"}}'
    fits = line % ("x" * (FRAME_BYTES - len(line) + 2))
    async with dialled(home) as wire:
        await wire.send(fits)
        assert "rpc" in (await told(wire))[0]
        await wire.send(fits + " ")
        assert (await closed(wire))[0] == 1009


async def test_who_wants_all_or_nothing_is_refused_and_may_begin_anew(home: House) -> None:
    for number in range(1, 6):
        home.rooms.post(CHANNEL, b"%d" % number)
    home.rooms.streams.of(CHANNEL).forget(3)
    recover = {"channel": CHANNEL, "recover": True, "epoch": "e1", "flag": 3}
    async with dialled(home) as wire:
        refused = await asked(wire, id=2, subscribe={**recover, "offset": 2})
        assert refused == {"id": 2, "error": {"code": 112, "message": "unrecoverable position"}}
        home.rooms.post(CHANNEL, b"6")
        result = (await asked(wire, id=3, subscribe={**recover, "offset": 3}))["subscribe"]
        assert ([each["data"] for each in result["publications"]], result["recovered"]) == ([4, 5, 6], True)


async def test_history_by_limit(home: House) -> None:
    for number in range(1, 6):
        home.rooms.post(CHANNEL, b"%d" % number)
    async with dialled(home) as wire:
        for limit, found in ((None, []), (0, []), (2, [1, 2]), (-1, [1, 2, 3, 4, 5]), (9, [1, 2, 3, 4, 5])):
            page = {} if limit is None else {"limit": limit}
            history = (await asked(wire, id=2, history={"channel": CHANNEL, **page}))["history"]
            assert [each["data"] for each in history["publications"]] == found
            assert (history["epoch"], history["offset"]) == ("e1", 5)
        for since, code in (({"offset": 3, "epoch": "e0"}, 112), ({"offset": 0}, 107)):
            refused = await asked(wire, id=3, history={"channel": CHANNEL, "since": since, "reverse": True})
            assert refused["error"]["code"] == code


async def test_nobody_there_is_said_in_full(home: House) -> None:
    async with dialled(home) as wire:
        reply = await asked(wire, id=2, presence={"channel": CHANNEL})
        assert reply == {"id": 2, "presence": {"presence": {}}}
        reply = await asked(wire, id=3, presence_stats={"channel": CHANNEL})
        assert reply == {"id": 3, "presence_stats": {"num_clients": 0, "num_users": 0}}


async def test_an_abrupt_end_is_a_leave(redis_url: str) -> None:
    async with town(redis_url) as (here, there), dialled(here) as ann, dialled(there, "bob") as bob:
        await asked(ann, id=2, subscribe={"channel": CHANNEL, "join_leave": True})
        await asked(bob, id=2, subscribe={"channel": CHANNEL})
        bob.transport.abort()
        moves: list[tuple[str, str]] = []
        while len(moves) < 3:
            push = (await told(ann))[0]["push"]
            moves += [(kind, push[kind]["info"]["user"]) for kind in ("join", "leave") if kind in push]
        assert moves == [("join", "ann"), ("join", "bob"), ("leave", "bob")]


async def test_a_server_without_its_bus_says_so_until_it_is_back(database_url: str, valkey: Valkey) -> None:
    async with open_house(database_url, valkey.url) as front:

        async def bus_is(state: str, status: int) -> bool:
            answer = await front.ask("GET", "/health/ready")
            return answer.status == status and (answer.said["bus"] == "ready") == (state == "ready")

        await eventually(lambda: bus_is("ready", 200))
        valkey.kill()
        await eventually(lambda: bus_is("away", 503))
        valkey.start()
        await eventually(lambda: bus_is("ready", 200), within=20)


async def test_ids_go_on_counting_after_a_reconnect(home: House) -> None:
    for first in (1, 11):
        async with dialled(home, None) as wire:
            assert "connect" in await asked(wire, id=first, connect={"token": "ann"})
            assert (await asked(wire, id=first + 1, subscribe={"channel": CHANNEL}))["id"] == first + 1
            assert (await asked(wire, id=first + 2, unsubscribe={"channel": CHANNEL}))["id"] == first + 2
