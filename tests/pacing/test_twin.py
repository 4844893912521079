"""The script inside Redis and its twin in Python give the same answer to the same question."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as any_
from redis.asyncio import Redis, RedisCluster

from server import ids
from server.pacing.pace import MICROSECONDS, Rate, reserve
from server.pacing.script import RESERVE
from server.valkey import connect

START = 1_800_000_000 * MICROSECONDS
HOUR = 3600 * MICROSECONDS
# Redis forgets a key when its slot has passed on Redis's own clock. Minutes between two, so that no test outlives one.
RATES = any_.builds(Rate, any_.integers(1, 5), any_.floats(600, 86_400), any_.integers(1, 7))
STEPS = any_.tuples(
    any_.sets(any_.integers(0, 2), min_size=1).map(sorted),  # which of the three keys
    any_.integers(0, HOUR),  # how much later
    any_.one_of(any_.just(0), any_.integers(0, 3 * HOUR)),  # how long one would wait
)


@settings(max_examples=60, deadline=None)
@given(
    rates=any_.tuples(RATES, RATES, RATES),
    steps=any_.lists(STEPS, min_size=1, max_size=12),
    is_cautious=any_.booleans(),
)
async def test_the_script_and_its_twin_agree(
    redis_url: str, rates: tuple[Rate, Rate, Rate], steps: list[tuple[list[int], int, int]], is_cautious: bool
) -> None:
    async with connect(redis_url) as redis:
        script = redis.register_script(RESERVE)
        word, now, slots = ids.secret(8), START, dict[int, int]()
        began: int | None = None
        for keys, later, max_wait in steps:
            now += later
            asked = [rates[key] for key in keys]
            began = now if is_cautious and began is None else began
            expected, after = reserve([slots.get(key) for key in keys], asked, now, max_wait, began)
            names = [f"{{pace}}:{word}:{key}" for key in keys]
            arguments: list[Any] = [max_wait, now, 1 if is_cautious else ""]
            for rate in asked:
                arguments += (rate.interval, rate.tolerance)
            memory = [f"{{pace}}:{word}"] if is_cautious else []
            answer = cast("list[int]", await script(keys=names + memory, args=arguments))
            assert answer == [expected.granted, expected.wait_microseconds]
            if expected.granted:
                slots.update(zip(keys, after, strict=True))
                assert await kept(redis, names) == after


async def kept(redis: Redis | RedisCluster, names: list[str]) -> list[int]:
    return [int(cast("bytes", await redis.get(name))) for name in names]
