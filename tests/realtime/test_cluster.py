"""The bus over a real cluster: each channel on the server that owns its slot, whatever happens to both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from server.errors import Unavailable
from server.realtime.bus import Bus
from server.realtime.slots import SLOTS, slot_of
from tests.eventually import eventually
from tests.fleet.cluster import FORM_SECONDS, Cluster, Member, cluster
from tests.realtime.ears import opened
from tests.realtime.town import town
from tests.sdk.driver import pythonic


@pytest.fixture(scope="module")
async def trio() -> AsyncIterator[Cluster]:
    """Three masters. Whoever kills one starts it again."""
    async with cluster() as formed:
        yield formed


def slot(channel: str) -> int:
    return slot_of(f"parley:0:{channel}".encode())


def channels_of(number: int, count: int) -> list[str]:
    """Names whose slots belong to this third of the cluster."""
    found: list[str] = []
    each = 0
    while len(found) < count:
        if slot(f"c{each}") * 3 // SLOTS == number:
            found.append(f"c{each}")
        each += 1
    return found


async def test_what_is_said_on_any_server_is_heard_everywhere(trio: Cluster) -> None:
    names = [name for number in range(3) for name in channels_of(number, 3)]
    async with opened(trio.url) as (one, ears), opened(trio.url) as (other, others):
        assert one.is_up
        assert other.is_up
        await asyncio.gather(*(bus.subscribe(name) for bus in (one, other) for name in names))
        for name in names:
            one.tell(name, b"one")
            one.tell(name, b"two")
        await eventually(lambda: len(ears.heard) == len(others.heard) == 2 * len(names))
        for name in names:
            for each in (ears, others):
                assert [payload for channel, payload in each.heard if channel == name] == [b"one", b"two"]
        for member in trio.members:
            assert await member.ask("PUBSUB", "SHARDCHANNELS")
        one.forget(names[0])
        other.forget(names[0])
        await eventually(lambda: _is_nowhere(trio, names[0]))


async def _is_nowhere(cluster: Cluster, channel: str) -> bool:
    return not any([await _holds(member, [channel]) for member in cluster.members])


async def test_names_that_share_a_tag_share_a_slot(trio: Cluster) -> None:
    async with opened(trio.url) as (bus, ears):
        names = ["{a}", "x{a}y", "{}{a}", "{a", "}a{", ""]
        assert len({slot(name) for name in names[:2]}) == 1
        await asyncio.gather(*(bus.subscribe(name) for name in names))
        for name in names:
            bus.tell(name, name.encode())
        await eventually(lambda: sorted(ears.heard) == sorted((name, name.encode()) for name in names))


async def test_thousands_of_channels_come_back_with_a_killed_server(trio: Cluster) -> None:
    names = [f"c{number}" for number in range(6_000)]
    async with opened(trio.url) as (bus, ears), opened(trio.url) as (other, _):
        await asyncio.gather(*(bus.subscribe(name) for name in names))
        for _ in range(2):
            trio.members[2].kill()
            await eventually(lambda: not bus.is_up)
            with pytest.raises(Unavailable):
                await bus.subscribe(channels_of(2, 1)[0])
            await bus.subscribe(channels_of(1, 1)[0])
            trio.members[2].start()
            await eventually(lambda: bus.is_up and other.is_up, within=15)
        before = len(ears.heard)
        for name in names:
            assert other.tell(name, name.encode())
        await eventually(lambda: len(ears.heard) - before == len(names))
        assert sorted(ears.heard) == sorted((name, name.encode()) for name in names)
        assert ears.states == [True, False, True, False, True]
    await trio.content()


async def test_what_is_said_while_a_server_is_away_is_said_later(trio: Cluster) -> None:
    (lost,), (kept,) = channels_of(0, 1), channels_of(1, 1)
    async with opened(trio.url) as (bus, ears):
        await asyncio.gather(bus.subscribe(lost), bus.subscribe(kept))
        trio.members[0].kill()
        await eventually(lambda: not bus.is_up)
        bus.tell(lost, b"later")
        bus.tell(kept, b"now")
        await eventually(lambda: ears.heard == [(kept, b"now")])
        trio.members[0].start()
        await eventually(lambda: ears.heard == [(kept, b"now"), (lost, b"later")], within=15)
    await trio.content()


async def test_slots_that_move_take_their_channels_along(trio: Cluster) -> None:
    names = channels_of(0, 20)
    async with opened(trio.url) as (bus, ears), opened(trio.url) as (other, _):
        await asyncio.gather(*(bus.subscribe(name) for name in names))
        for giver, taker in (trio.members[:2], trio.members[1::-1]):
            for name in names:
                await trio.move(slot(name), giver, taker)
            await eventually(lambda: _holds(taker, names))  # noqa: B023 — awaited before the next round
            await eventually(lambda: bus.is_up)
            before = len(ears.heard)
            for name in names:
                other.tell(name, b"still here")  # it listens to nothing, and learns of the move by being refused
            await eventually(lambda: len(ears.heard) - before == len(names))  # noqa: B023
        assert False in ears.states
        assert ears.states[-1]


async def _holds(member: Member, names: Iterable[str]) -> bool:
    return {f"parley:0:{name}" for name in names} <= set(await member.ask("PUBSUB", "SHARDCHANNELS"))


async def test_a_slot_on_its_way_is_served_where_it_was(trio: Cluster) -> None:
    """Redis never answers ASK to sharded pub/sub: a channel has no keys that could have moved already."""
    (name,) = channels_of(0, 1)
    giver, taker = trio.members[:2]
    await taker.ask("CLUSTER", "SETSLOT", slot(name), "IMPORTING", giver.id)
    await giver.ask("CLUSTER", "SETSLOT", slot(name), "MIGRATING", taker.id)
    try:
        async with opened(trio.url) as (bus, ears):
            await bus.subscribe(name)
            bus.tell(name, b"here")
            await eventually(lambda: ears.heard == [(name, b"here")])
    finally:
        for member in (giver, taker):
            await member.ask("CLUSTER", "SETSLOT", slot(name), "STABLE")


async def test_it_starts_without_a_cluster_and_finds_it_later(trio: Cluster) -> None:
    for member in trio.members:
        member.kill()
    bus = Bus(trio.url)
    connecting = asyncio.create_task(bus.connect())
    with pytest.raises(Unavailable):
        await bus.subscribe("c")
    bus.tell("c", b"kept until then")
    for member in trio.members:
        member.start()
    await connecting
    await eventually(lambda: bus.is_up, within=15)
    async with asyncio.timeout(5):
        assert (await bus.next_published()).message == "kept until then"
    await bus.disconnect()
    await trio.content()


async def test_nodes_deliver_in_order_while_slots_move_and_a_server_dies(trio: Cluster) -> None:
    names = [f"thread:{number}" for number in range(12)]
    async with town(trio.url) as (here, there), pythonic() as ann, pythonic() as bob:
        for name in names:
            await ann.enters(here.url, "ann", name)
            await bob.enters(there.url, "bob", name)
        for number in range(60):
            if number == 20:
                await trio.move(slot(names[0]), *_trade(trio, names[0]))
            if number == 40:
                trio.members[2].kill()
            for name in names:
                await (ann if number % 2 else bob).publish(name, {"number": number})
        trio.members[2].start()
        wanted = [(number + 1, {"number": number}) for number in range(60)]
        for name in names:
            await eventually(lambda: ann.heard(name) == bob.heard(name) == wanted, within=15)  # noqa: B023
        await eventually(lambda: here.node.healthy and there.node.healthy, within=15)
        await trio.move(slot(names[0]), *reversed(_trade(trio, names[0])))
    await trio.content()


def _trade(cluster: Cluster, channel: str) -> tuple[Member, Member]:
    """Who owns the channel at first, and another."""
    owner = slot(channel) * 3 // SLOTS
    return cluster.members[owner], cluster.members[(owner + 1) % 3]


async def test_a_replica_takes_over() -> None:
    async with cluster(replicas=1) as quartet:
        (name,) = channels_of(2, 1)
        master, replica = quartet.members[2:]
        async with opened(quartet.url) as (bus, ears):
            await bus.subscribe(name)
            master.kill()
            await eventually(lambda: not bus.is_up)
            bus.tell(name, b"said to nobody")
            await replica.ask("CLUSTER", "FAILOVER", "TAKEOVER")
            await eventually(lambda: bus.is_up, within=15)
            await eventually(lambda: ears.heard == [(name, b"said to nobody")])
            master.start()  # and follows its replica
            await eventually(lambda: _follows(master), within=FORM_SECONDS)
            bus.tell(name, b"and again")
            await eventually(lambda: len(ears.heard) == 2)
            assert ears.states == [True, False, True]


async def _follows(member: Member) -> bool:
    return bool((await member.ask("ROLE"))[0] == "slave")
