"""The bus over a real Valkey: confirmed, complete, and back by itself after anything."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
import redis
import redis.asyncio
from broadcaster import Broadcast

from server.embedded.valkey import Valkey
from server.errors import Unavailable
from server.realtime.bus import Bus
from server.realtime.line import OUTBOX_BYTES, WINDOW
from tests.eventually import eventually
from tests.realtime.ears import opened


async def test_what_is_said_on_a_confirmed_channel_is_heard_everywhere(redis_url: str) -> None:
    async with opened(redis_url) as (one, ears), opened(redis_url) as (other, others):
        await asyncio.gather(one.subscribe("c"), other.subscribe("c"))
        one.tell("c", b"hello")
        one.tell("elsewhere", b"unheard")
        await eventually(lambda: ears.heard and others.heard)
        assert ears.heard == others.heard == [("c", b"hello")]


async def test_many_first_subscribers_at_once(redis_url: str) -> None:
    async with opened(redis_url) as (bus, ears):
        names = [f"c{number % 50}" for number in range(500)]
        await asyncio.gather(*(bus.subscribe(name) for name in names))
        for name in set(names):
            bus.tell(name, name.encode())
        await eventually(lambda: len(ears.heard) == 50)
        assert sorted(ears.heard) == sorted((name, name.encode()) for name in set(names))


async def test_entering_a_channel_again_waits_for_its_own_confirmation(redis_url: str) -> None:
    async with opened(redis_url) as (bus, ears):
        for count in range(1, 21):
            await bus.subscribe("c")
            bus.tell("c", b"")
            await eventually(lambda: len(ears.heard) >= count)  # noqa: B023 — awaited before the next round
            bus.forget("c")


async def test_what_is_said_at_once_leaves_in_few_writes_and_arrives_in_order(redis_url: str) -> None:
    async with opened(redis_url) as (bus, ears):
        await bus.subscribe("c")
        for number in range(20_000):
            assert bus.tell("c", b"%06d" % number + b"x" * 100)
        await eventually(lambda: len(ears.heard) == 20_000)
        assert [int(payload[:6]) for _, payload in ears.heard] == list(range(20_000))
        assert len(ears.reads) < 2_000
        assert ears.states == [True]


async def test_a_process_that_stands_still_has_no_more_than_a_window_on_its_way(valkey: Valkey) -> None:
    """What comes back to who said it costs Redis 16 KB each until it is read: at 2,040 unread ones it hangs up."""
    async with opened(valkey.url) as (bus, ears):
        await bus.subscribe("c")
        for number in range(10_000):
            assert bus.tell("c", b"%d" % number)
        await asyncio.sleep(0)  # what may be written is written, and nothing is read from here on
        with redis.Redis.from_url(valkey.url) as client:
            counts = [client.info("commandstats").get("cmdstat_publish", {}).get("calls", 0) for _ in range(500)]
        assert counts[-1] == WINDOW
        await eventually(lambda: len(ears.heard) == 10_000)
        assert ears.states == [True]


async def test_databases_are_kept_apart(redis_url: str) -> None:
    other_url = redis_url.replace("db=0", "db=1") if "db=" in redis_url else f"{redis_url}?db=1"
    async with opened(redis_url) as (one, ears), opened(other_url) as (other, others):
        await asyncio.gather(one.subscribe("c"), other.subscribe("c"))
        other.tell("c", b"theirs")
        await eventually(lambda: others.heard)
        one.tell("c", b"ours")
        await eventually(lambda: ears.heard)
        assert ears.heard == [("c", b"ours")]


async def test_it_comes_back_with_its_channels_after_a_crash(valkey: Valkey) -> None:
    async with opened(valkey.url) as (bus, ears):
        await asyncio.gather(*(bus.subscribe(f"c{number}") for number in range(2_000)))
        for _ in range(3):
            valkey.kill()
            await eventually(lambda: not bus.is_up)
            with pytest.raises(Unavailable):
                await bus.subscribe("while it is away")
            valkey.start()
            await eventually(lambda: bus.is_up)
        bus.tell("c1999", b"again")
        bus.tell("while it is away", b"too")
        await eventually(lambda: len(ears.heard) == 2)
        assert ears.states == [True, False, True, False, True, False, True]


async def test_what_is_said_while_it_is_away_is_said_later_within_bounds(valkey: Valkey) -> None:
    async with opened(valkey.url) as (bus, ears):
        await bus.subscribe("c")
        valkey.kill()
        await eventually(lambda: not bus.is_up)
        kept = [bus.tell("c", b"%03d" % number + b"x" * 100_000) for number in range(100)]
        assert kept[0]
        assert not kept[-1]
        assert sum(kept) == OUTBOX_BYTES // 100_003
        valkey.start()
        await eventually(lambda: len(ears.heard) == sum(kept))


async def test_a_frozen_redis_is_noticed(valkey: Valkey) -> None:
    async with opened(valkey.url) as (bus, _):
        await bus.subscribe("c")
        os.kill(valkey.pid, signal.SIGSTOP)
        try:
            await eventually(lambda: not bus.is_up, within=15)
        finally:
            os.kill(valkey.pid, signal.SIGCONT)
        await eventually(lambda: bus.is_up, within=15)


async def test_it_starts_without_a_redis_and_finds_it_later(valkey: Valkey) -> None:
    valkey.kill()
    bus = Bus(valkey.url)
    connecting = asyncio.create_task(bus.connect())
    valkey.start()
    await connecting
    assert bus.is_up
    await bus.disconnect()


async def test_a_wrong_password_keeps_it_down_and_trying(valkey: Valkey) -> None:
    async with redis.asyncio.Redis.from_url(valkey.url) as client:
        await client.config_set("requirepass", "right")
    wrong, right = (valkey.url.replace("unix://", f"unix://:{word}@") for word in ("wrong", "right"))
    bus = Bus(wrong)
    connecting = asyncio.create_task(bus.connect())
    async with opened(right) as (good, _):
        assert good.is_up
    assert not bus.is_up
    await bus.disconnect()
    await connecting


async def test_broadcaster_takes_it_as_a_backend(redis_url: str) -> None:
    """The promise of `BroadcastBackend`, with the two cases its own Redis backend fails in."""
    async with Broadcast(backend=Bus(redis_url)) as broadcast:
        heard: list[str] = []
        ready = 0

        async def listen() -> None:
            nonlocal ready
            async with broadcast.subscribe("chat") as subscriber:
                ready += 1
                heard.append((await subscriber.get()).message)

        listeners = [asyncio.create_task(listen())]
        await eventually(lambda: ready == 1)
        listeners += [asyncio.create_task(listen()) for _ in range(9)]
        await eventually(lambda: ready == 10)
        await broadcast.publish("chat", "hello")
        await asyncio.wait_for(asyncio.gather(*listeners), 5)
        assert heard == ["hello"] * 10
