"""Several processes share one pace, and each keeps one of its own while Redis is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from server import clock, ids
from server.pacing.limiter import AWAY_SECONDS, BEGAN, LOCAL_KEYS, Limiter
from server.pacing.pace import Rate
from server.valkey import connect
from tests.eventually import TIME_UNIT
from tests.fleet.cluster import cluster

SLOW = Rate(count=5, seconds=3600, burst=5)
NOWHERE = "redis://127.0.0.1:1/0"  # nothing listens there


@asynccontextmanager
async def limiter_at(url: str) -> AsyncIterator[Limiter]:
    async with connect(url) as redis:
        yield Limiter(redis)


async def test_two_processes_share_one_burst(redis_url: str) -> None:
    async with limiter_at(redis_url) as one, limiter_at(redis_url) as two:
        key = ids.secret(8)
        asked = [limiter.reserve({key: SLOW}) for limiter in (one, two) * 10]
        answers = await asyncio.gather(*asked)
        assert sum(answer.granted for answer in answers) == 5
        refused = [answer.wait_seconds for answer in answers if not answer.granted]
        assert all(700 < seconds <= 720 for seconds in refused)


async def test_processes_meet_in_a_cluster_as_well() -> None:
    async with cluster() as formed, connect(formed.url) as one, connect(formed.url) as two:
        rates = {ids.secret(8): SLOW, ids.secret(8): SLOW}  # two keys in one script: they have to share a slot
        for redis in (one, two):
            await redis.exists(*(f"{{pace}}:{key}" for key in rates))  # a first connection takes its time
        answers = [(await Limiter(redis).reserve(rates)).granted for redis in (one, two) * 5]
        assert answers == [True] * 5 + [False] * 5


async def test_a_cluster_that_is_away_is_done_without() -> None:
    redis = connect("redis+cluster://127.0.0.1:1,127.0.0.1:2", retries=0)
    answers = [(await Limiter(redis).reserve({"one": SLOW})).granted for _ in range(2)]
    assert answers == [True, True]
    await redis.aclose()


async def test_places_ahead_are_booked_one_after_the_other(redis_url: str) -> None:
    async with limiter_at(redis_url) as limiter:
        key, rate = ids.secret(8), Rate(count=1, seconds=60, burst=1)
        booked = [await limiter.reserve({key: rate}, max_wait_seconds=150) for _ in range(4)]
        assert [round(one.wait_seconds) for one in booked] == [0, 60, 120, 180]
        assert [one.granted for one in booked] == [True, True, True, False]


async def test_one_key_that_refuses_leaves_the_others_untouched(redis_url: str) -> None:
    async with limiter_at(redis_url) as limiter:
        wide, narrow = ids.secret(8), ids.secret(8)
        rates = {wide: SLOW, narrow: Rate(count=1, seconds=3600, burst=1)}
        assert [(await limiter.reserve(rates)).granted for _ in range(10)] == [True] + [False] * 9
        assert [(await limiter.reserve({wide: SLOW})).granted for _ in range(5)] == [True] * 4 + [False]


async def test_a_restarted_redis_that_lost_the_script_is_taught_it_again(redis_url: str) -> None:
    async with connect(redis_url) as redis:
        limiter = Limiter(redis)
        key = ids.secret(8)
        assert (await limiter.reserve({key: SLOW})).granted
        await redis.script_flush()
        answers = [(await limiter.reserve({key: SLOW})).granted for _ in range(5)]
        assert answers == [True] * 4 + [False]


async def test_keys_leave_redis_when_they_are_idle_again(redis_url: str) -> None:
    async with connect(redis_url) as redis:
        key = ids.secret(8)
        await Limiter(redis).reserve({key: SLOW})
        assert 700_000 < await redis.pttl(f"{{pace}}:{key}") <= 720_000


async def test_without_redis_a_process_keeps_the_pace_by_itself() -> None:
    async with limiter_at(NOWHERE) as limiter:
        key = ids.secret(8)
        answers = [(await limiter.reserve({key: SLOW})).granted for _ in range(10)]
        assert answers == [True] * 5 + [False] * 5


async def test_a_redis_that_hangs_holds_nobody_up() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        async with asyncio.timeout(3 * TIME_UNIT), limiter_at(f"redis://127.0.0.1:{port}/0") as limiter:
            answers = [(await limiter.reserve({"one": SLOW})).granted for _ in range(100)]
        assert answers == [True] * 5 + [False] * 95


async def test_redis_is_asked_again_after_a_while(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connect(redis_url) as redis:
        assert isinstance(redis, Redis)
        limiter, key = Limiter(redis), ids.secret(8)
        address = redis.connection_pool.connection_kwargs
        part, nowhere = ("path", "/nowhere/at/all") if "path" in address else ("port", 1)
        there, address[part] = address[part], nowhere
        assert (await limiter.reserve({key: SLOW})).granted
        address[part] = there
        redis.connection_pool.reset()  # type: ignore[no-untyped-call]  # connections made before keep the address
        assert not await redis.exists(f"{{pace}}:{key}")
        later = clock.monotonic() + AWAY_SECONDS
        monkeypatch.setattr(clock, "monotonic", lambda: later)
        assert (await limiter.reserve({key: SLOW})).granted
        assert await redis.exists(f"{{pace}}:{key}")


async def test_the_table_of_a_process_without_redis_has_a_bound() -> None:
    async with limiter_at(NOWHERE) as limiter:
        await limiter.reserve({"first": SLOW})
        for number in range(LOCAL_KEYS):
            await limiter.reserve({str(number): SLOW})
        answers = [(await limiter.reserve({"first": SLOW})).granted for _ in range(6)]
        assert answers == [True] * 5 + [False]  # forgotten, so its burst is whole again


async def test_a_redis_that_was_emptied_lets_no_burst_through(redis_url: str) -> None:
    async with connect(redis_url) as redis:
        limiter, rate, word = Limiter(redis), Rate(count=1, seconds=60, burst=3), ids.secret(8)
        await redis.delete(BEGAN)  # with it goes all that is known of these keys
        asked = [await limiter.reserve_together({f"{word}:one": rate}, 120.0) for _ in range(3)]
        assert [round(booked.wait_seconds) for booked in asked if booked is not None] == [60, 120, 180]
        assert await limiter.reserve_each_together([f"{word}:two"], rate, 0.0) == [None]
        assert (await limiter.reserve({word: rate})).granted  # nobody is kept from signing in for it


async def test_it_is_told_for_how_long_a_key_is_booked(redis_url: str) -> None:
    async with limiter_at(redis_url) as limiter:
        key = ids.secret(8)
        assert await limiter.booked(key) == 0.0
        await limiter.reserve({key: Rate(count=1, seconds=60, burst=1)})
        booked = await limiter.booked(key)
        assert booked is not None
        assert 50 < booked <= 60
    async with limiter_at(NOWHERE) as limiter:
        assert await limiter.booked(key) is None


async def test_many_keys_in_one_round_trip_are_each_booked_as_they_would_be_alone(redis_url: str) -> None:
    async with limiter_at(redis_url) as limiter:
        one, two, rate = ids.secret(8), ids.secret(8), Rate(count=1, seconds=60, burst=2)
        await limiter.reserve({one: rate})
        await limiter.reserve({two: rate})
        booked = await limiter.reserve_each_together([one, two, two], rate, 0.0)
        assert booked == [0.0, 0.0, None]
        assert not (await limiter.reserve({one: rate})).granted
        assert await limiter.reserve_each_together([], rate, 0.0) == []


async def test_of_many_keys_nothing_is_known_while_redis_is_away() -> None:
    async with limiter_at(NOWHERE) as limiter:
        assert await limiter.reserve_each_together(["one"], SLOW, 0.0) is None
