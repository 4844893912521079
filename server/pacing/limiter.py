"""Books places in Redis for all processes together, or in this process alone while Redis is away. Knows no purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from redis.asyncio import Redis, RedisCluster

from server import clock
from server.logging import named
from server.pacing.pace import MICROSECONDS, Rate, Reservation, reserve
from server.pacing.script import BOOKED, HOLD, RESERVE, RESERVE_EACH
from server.valkey import FAILURES

PREFIX = "{pace}:"  # one hash tag: on a cluster the keys of one call have to live together
BEGAN = "{pace}"  # beside the slots, and not one of them
ANSWER_SECONDS = 0.5  # Redis takes a tenth of a millisecond; nobody signs in later because it hangs
AWAY_SECONDS = 2.0  # after a failure Redis is left alone for so long
LOCAL_KEYS = 10_000  # keys known while Redis is away; when full, the one booked longest ago is forgotten

log = named("pacing")

Answer = TypeVar("Answer")


class Limiter:
    """One round trip a call, whatever the number of keys. Never fails because of Redis."""

    def __init__(self, redis: Redis | RedisCluster) -> None:
        self._redis = redis
        # The client loads the script where it is missing, and again after a restart of Redis.
        self._script = redis.register_script(RESERVE)
        self._each = redis.register_script(RESERVE_EACH)
        self._booked = redis.register_script(BOOKED)
        self._hold = redis.register_script(HOLD)
        self._local: dict[str, int] = {}
        self._away_until = 0.0

    async def reserve(self, rates: Mapping[str, Rate], max_wait_seconds: float = 0.0) -> Reservation:
        """Book a place on every key, or on none when that takes longer than `max_wait_seconds`."""
        max_wait = int(max_wait_seconds * MICROSECONDS)
        booked = await self._asked(lambda: self._in_redis(rates, max_wait))
        return self._here(rates, max_wait) if booked is None else booked

    async def reserve_together(self, rates: Mapping[str, Rate], max_wait_seconds: float) -> Reservation | None:
        """The same for who must not go without the others: None while Redis is away, and no burst when it forgot."""
        max_wait = int(max_wait_seconds * MICROSECONDS)
        return await self._asked(lambda: self._in_redis(rates, max_wait, is_cautious=True))

    async def reserve_each_together(
        self, keys: Sequence[str], rate: Rate, max_wait_seconds: float
    ) -> list[float | None] | None:
        """A place on each of many keys for itself, in one round trip: the seconds to wait, None where there was none.

        None for all of them while Redis is away.
        """
        if not keys:
            return []
        names = [*(PREFIX + key for key in keys), BEGAN]
        arguments = (int(max_wait_seconds * MICROSECONDS), rate.interval, rate.tolerance)
        waits = await self._asked(lambda: cast("Awaitable[list[int]]", self._each(keys=names, args=arguments)))
        return None if waits is None else [None if wait < 0 else wait / MICROSECONDS for wait in waits]

    async def booked(self, key: str) -> float | None:
        """The seconds for which a key is booked already; None while Redis is away."""
        wait = await self._asked(lambda: cast("Awaitable[int]", self._booked(keys=[PREFIX + key])))
        return None if wait is None else wait / MICROSECONDS

    async def hold(self, key: str, seconds: float) -> None:
        """Nobody gets a place on this key for so long; said again meanwhile, what ends later holds."""
        arguments = (max(1, int(seconds * MICROSECONDS)),)
        await self._asked(lambda: cast("Awaitable[int]", self._hold(keys=[PREFIX + key], args=arguments)))

    async def _asked(self, ask: Callable[[], Awaitable[Answer]]) -> Answer | None:
        """What Redis says; None while it is away, or is left alone for a while because it was."""
        if clock.monotonic() < self._away_until:
            return None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await ask()
        except FAILURES as error:
            self._away_until = clock.monotonic() + AWAY_SECONDS
            log.warning("limiter_without_redis", error=repr(error), seconds=AWAY_SECONDS)
            return None

    async def _in_redis(self, rates: Mapping[str, Rate], max_wait: int, *, is_cautious: bool = False) -> Reservation:
        names = [PREFIX + key for key in rates]
        arguments: list[Any] = [max_wait, "", ""]
        if is_cautious:
            names.append(BEGAN)
            arguments[2] = 1
        for rate in rates.values():
            arguments += (rate.interval, rate.tolerance)
        granted, wait = cast("list[int]", await self._script(keys=names, args=arguments))
        return Reservation(granted == 1, wait)

    def _here(self, rates: Mapping[str, Rate], max_wait: int) -> Reservation:
        now = int(clock.monotonic() * MICROSECONDS)
        slots = [self._local.get(key) for key in rates]
        booked, after = reserve(slots, list(rates.values()), now, max_wait)
        if booked.granted:
            for key, slot in zip(rates, after, strict=True):
                self._local.pop(key, None)
                self._local[key] = slot
            while len(self._local) > LOCAL_KEYS:
                del self._local[next(iter(self._local))]
        return booked
