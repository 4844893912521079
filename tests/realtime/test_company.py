"""Who else is there: presence over two nodes, comings and goings, leave that is given and taken, bounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from server.realtime import guests, presence
from server.realtime.guests import Limits
from tests.eventually import eventually
from tests.fleet.cluster import cluster
from tests.realtime.test_endpoint import asked, closed, dialled, told
from tests.realtime.town import House, house, town

CHANNEL = "thread:1"


@pytest.fixture
async def houses(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[House]]:
    """Two nodes with the same rows, hasty in what they do now and then."""
    monkeypatch.setattr(guests, "EXPEL_SECONDS", 0.1)
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.1)
    async with town(redis_url) as opened:
        yield opened


async def subscribed(wire: Any, channel: str = CHANNEL, **more: Any) -> dict[str, Any]:
    reply = await asked(wire, id=2, subscribe={"channel": channel, **more})
    found: dict[str, Any] = reply.get("subscribe", reply)
    return found


async def present(wire: Any, channel: str = CHANNEL) -> list[str]:
    """The people who listen, by name."""
    reply = await asked(wire, id=9, presence={"channel": channel})
    return sorted(info["user"] for info in reply["presence"]["presence"].values())


async def pushed(wire: Any) -> dict[str, Any]:
    """The next push."""
    (line,) = await told(wire)
    push: dict[str, Any] = line["push"]
    return push


async def test_everybody_sees_who_listens_on_either_node(houses: list[House]) -> None:
    async with dialled(houses[0], "ann") as ann, dialled(houses[1], "bob") as bob:
        await subscribed(ann)
        await subscribed(bob)

        async def both_see_both() -> bool:
            return await present(ann) == await present(bob) == ["ann", "bob"]

        await eventually(both_see_both)
        stats = await asked(ann, id=9, presence_stats={"channel": CHANNEL})
        assert stats["presence_stats"] == {"num_clients": 2, "num_users": 2}
        reply = await asked(ann, id=9, presence={"channel": CHANNEL})
        for client, info in reply["presence"]["presence"].items():
            assert info == {"user": info["user"], "client": client, "conn_info": {"likes": "tea"}}


async def test_who_comes_and_goes_is_told_to_those_who_want_to_know(houses: list[House]) -> None:
    async with dialled(houses[0], "ann") as ann, dialled(houses[0], "eve") as eve:
        await subscribed(ann, join_leave=True)
        assert (await pushed(ann))["join"]["info"]["user"] == "ann"  # one's own, behind the answer
        await subscribed(eve)
        assert (await pushed(ann))["join"]["info"]["user"] == "eve"
        async with dialled(houses[1], "bob") as bob:
            await subscribed(bob)
            assert (await pushed(ann))["join"]["info"]["user"] == "bob"
        assert (await pushed(ann))["leave"]["info"]["user"] == "bob"
        assert "rpc" in await asked(eve, id=3, rpc={"method": "whoami"})  # and nothing before it


async def test_a_channel_that_keeps_no_presence_says_so(houses: list[House]) -> None:
    async with dialled(houses[0]) as ann:
        reply = await asked(ann, id=9, presence={"channel": "shy:1"})
        assert reply["error"] == {"code": 108, "message": "presence_not_kept"}


async def test_redis_may_forget_who_listens(houses: list[House]) -> None:
    async with dialled(houses[0], "ann") as ann, dialled(houses[1], "bob") as bob:
        await subscribed(ann)
        await subscribed(bob)
        await houses[0].node._presence._redis.flushall()

        async def both_again() -> bool:
            return await present(ann) == ["ann", "bob"]

        await eventually(both_again)


async def test_who_is_removed_loses_the_channel_on_every_node(houses: list[House]) -> None:
    async with dialled(houses[1], "bob") as bob:
        await subscribed(bob)
        houses[0].rooms.streams.removed.add((CHANNEL, "bob"))
        houses[0].node.announce_review(CHANNEL)
        assert (await pushed(bob))["unsubscribe"] == {"code": 2000, "reason": "server unsubscribe"}
        assert (await subscribed(bob))["error"]["code"] == 102


async def test_a_token_lets_somebody_listen_who_may_not(houses: list[House]) -> None:
    houses[0].rooms.streams.removed.add((CHANNEL, "bob"))
    async with dialled(houses[0], "bob") as bob:
        assert (await subscribed(bob))["error"]["code"] == 102
        assert (await subscribed(bob, token="nonsense"))["error"]["code"] == 103
        assert (await subscribed(bob, token="stale"))["error"]["code"] == 109
        granted = await subscribed(bob, token="60")
        assert granted["expires"]
        assert 58 <= granted["ttl"] <= 60
        renewed = await asked(bob, id=4, sub_refresh={"channel": CHANNEL, "token": "90"})
        assert 88 <= renewed["sub_refresh"]["ttl"] <= 90
        houses[0].node.announce_review(CHANNEL)  # about standing, which is not why bob is here
        houses[0].rooms.post(CHANNEL, b'"news"')
        assert (await pushed(bob))["pub"]["data"] == "news"


async def test_who_is_banned_is_sent_away_for_good(houses: list[House]) -> None:
    async with dialled(houses[0], "bob") as bob, dialled(houses[0], "ann") as ann:
        houses[0].rooms.streams.banned.add("bob")
        assert (await closed(bob))[0] == 3503
        assert "rpc" in await asked(ann, id=3, rpc={"method": "whoami"})


async def test_everybody_listens_to_a_channel_of_their_own(houses: list[House]) -> None:
    async with dialled(houses[0], None) as wire:
        reply = await asked(wire, id=1, connect={"token": "own-ann"})
        assert reply["connect"]["subs"] == {"plain:own-ann": {}}
        houses[1].node.tell("plain:own-ann", b'{"type":"unread"}')
        assert await pushed(wire) == {"channel": "plain:own-ann", "pub": {"data": {"type": "unread"}}}


async def test_what_is_sent_without_an_answer_reaches_the_rooms(houses: list[House]) -> None:
    async with dialled(houses[0]) as ann:
        await ann.send('{"send":{"data":{"type":"typing"}}}')
        await eventually(lambda: houses[0].rooms.noticed == [("ann", b'{"type":"typing"}')])


async def test_history_backwards(houses: list[House]) -> None:
    for number in range(1, 6):
        houses[0].rooms.post(CHANNEL, b"%d" % number)
    async with dialled(houses[0]) as ann:
        newest = await asked(ann, id=2, history={"channel": CHANNEL, "limit": 2, "reverse": True})
        assert [each["data"] for each in newest["history"]["publications"]] == [5, 4]
        since = {"offset": 4, "epoch": newest["history"]["epoch"]}
        before = await asked(ann, id=3, history={"channel": CHANNEL, "limit": 9, "reverse": True, "since": since})
        assert [each["data"] for each in before["history"]["publications"]] == [3, 2, 1]


async def test_a_person_has_only_so_many_sockets(redis_url: str) -> None:
    async with house(redis_url, limits=Limits(sockets_per_user=2)) as home:
        async with dialled(home), dialled(home), dialled(home, None) as third, dialled(home, "bob"):
            await third.send(json.dumps({"id": 1, "connect": {"token": "ann"}}))
            assert (await closed(third))[0] == 3504
        async with dialled(home):
            pass  # there is room again


async def test_of_many_who_come_at_once_no_more_than_may_are_let_in(redis_url: str) -> None:
    async with house(redis_url, limits=Limits(sockets_per_user=3)) as home, AsyncExitStack() as stack:
        pause = home.rooms.streams.pause = asyncio.Event()  # all of them are on their way in together
        wires = [await stack.enter_async_context(dialled(home, None)) for _ in range(8)]
        for wire in wires:
            await wire.send('{"id":1,"connect":{"token":"own"}}')
        await eventually(lambda: len(home.node.guests) == 3 and sum(bool(wire.close_code) for wire in wires) == 5)
        assert [await closed(wire) for wire in wires if wire.close_code] == [(3504, "connection limit")] * 5
        next(wire for wire in wires if not wire.close_code).transport.abort()
        await eventually(lambda: len(home.node.guests) == 2)
        pause.set()
        async with dialled(home, "own"):
            pass  # whoever left on the way in is counted no longer


async def test_a_person_has_only_so_many_commands(redis_url: str) -> None:
    async with house(redis_url, limits=Limits(commands_per_second=0.2)) as home, dialled(home) as wire:
        assert "rpc" in await asked(wire, id=2, rpc={"method": "whoami"})  # the one that was saved up
        refused = await asked(wire, id=3, rpc={"method": "whoami"})
        assert refused["error"] == {"code": 111, "message": "too many requests", "temporary": True}


async def test_presence_on_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its keys lie on all servers: whoever leaves a channel leaves no trace on any."""
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.1)
    channels = [f"thread:{number}" for number in range(8)]
    async with cluster() as formed, town(formed.url) as (here, there), dialled(here, "ann") as ann:
        async with dialled(there, "bob") as bob:
            for channel in channels:
                await subscribed(ann, channel)
                await subscribed(bob, channel)
            await eventually(lambda: _are_present(ann, channels, ["ann", "bob"]), within=15)
            await eventually(lambda: _are_present(bob, channels, ["ann", "bob"]), within=15)
        await eventually(lambda: _are_present(ann, channels, ["ann"]), within=15)


async def _are_present(wire: Any, channels: list[str], people: list[str]) -> bool:
    return [await present(wire, channel) for channel in channels] == [people] * len(channels)
