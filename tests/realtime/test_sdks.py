"""The stock SDKs on two nodes: they talk, they come back, and they miss nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvloop

from server.embedded.valkey import Valkey
from server.realtime.protocol import Close
from tests.eventually import eventually
from tests.realtime.town import House, town
from tests.sdk.driver import EVERY_SDK, FLAVOURS, Enter, Pythonic, Refused, pythonic

speaks = pytest.mark.parametrize("enter", EVERY_SDK)


@pytest.fixture
async def houses(redis_url: str) -> AsyncIterator[list[House]]:
    async with town(redis_url) as opened:
        yield opened


@speaks
async def test_what_one_says_everybody_hears_on_every_node(houses: list[House], enter: Enter) -> None:
    async with enter() as ann, pythonic() as bob:
        await ann.enters(houses[0].url, "ann", "thread:1")
        await bob.enters(houses[1].url, "bob", "thread:1")
        for number in range(20):
            await (ann if number % 2 else bob).publish("thread:1", {"number": number})
        wanted = [(number + 1, {"number": number}) for number in range(20)]
        await eventually(lambda: ann.heard("thread:1") == bob.heard("thread:1") == wanted)


@speaks
async def test_calls_and_refusals(houses: list[House], enter: Enter) -> None:
    async with enter() as ann:
        await ann.connect(houses[0].url, "ann")
        assert await ann.rpc("whoami", {"x": 1}) == {"name": "ann", "sent": {"x": 1}}
        for method, code in (("nothing", 104), ("lost", 404)):
            with pytest.raises(Refused) as refused:
                await ann.rpc(method, None)
            assert refused.value.code == code
        with pytest.raises(Refused) as refused:
            await ann.publish("secret", {})
        assert refused.value.code == 103
        await ann.subscribe("gone")
        await eventually(lambda: ann.seen("unsubscribed", channel="gone", code=102))


@speaks
async def test_a_client_that_lost_its_connection_recovers(houses: list[House], enter: Enter) -> None:
    async with enter() as ann:
        await ann.enters(houses[0].url, "ann", "thread:1")
        houses[1].rooms.post("thread:1", b"1")
        await eventually(lambda: len(ann.heard("thread:1")) == 1)
        for guest in houses[0].node.guests.everybody():
            guest.cut(Close(3011, "force reconnect"))
        for number in range(2, 9):
            houses[1].rooms.post("thread:1", b"%d" % number)
        await eventually(lambda: ann.heard("thread:1") == [(each, each) for each in range(1, 9)])
        assert ann.seen("subscribed", recovered=True)


@speaks
async def test_nothing_is_lost_while_redis_dies(valkey: Valkey, enter: Enter) -> None:
    async with town(valkey.url) as houses, enter() as ann:
        await ann.enters(houses[0].url, "ann", "thread:1")
        count = 0
        for _ in range(3):
            for number in range(30):
                count += 1
                houses[1].rooms.post("thread:1", b"%d" % count)
                if number == 10:
                    valkey.kill()
                if number == 20:
                    valkey.start()
                await asyncio.sleep(0)
            await eventually(lambda: houses[0].node.healthy and houses[1].node.healthy)
        wanted = [(each, each) for each in range(1, count + 1)]
        await eventually(lambda: ann.heard("thread:1") == wanted)
        assert len(ann.seen("connected")) == 1


@speaks
async def test_a_bad_token_ends_it(houses: list[House], enter: Enter) -> None:
    async with enter() as ann:
        await ann.connect(houses[0].url, "broken")
        await eventually(lambda: ann.seen("disconnected", code=3500))


def test_the_same_on_the_loop_that_serves_in_production(valkey: Valkey) -> None:
    async def talk() -> None:
        async with town(valkey.url) as houses:
            people = [Pythonic(flavour) for flavour in FLAVOURS * 3]
            for number, person in enumerate(people):
                await person.enters(houses[number % 2].url, f"p{number}", "thread:1")
            await asyncio.gather(*(each.publish("thread:1", number) for number, each in enumerate(people * 20)))
            await eventually(lambda: all(len(each.heard("thread:1")) == 120 for each in people))
            assert all([offset for offset, _ in each.heard("thread:1")] == list(range(1, 121)) for each in people)
            for person in people:
                await person.leave()

    uvloop.run(talk())
