"""Paces shared by every process: one round trip to Redis, and the same arithmetic at home while Redis is away."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping

from redis.asyncio import Redis

from server.errors import Limited
from server.logging import named
from server.pacing.pace import Rate, take
from server.pacing.script import TAKE
from server.valkey import GONE

HOME_LIMIT = 10_000  # paces remembered while Redis is away, about 2 MB; the oldest are forgotten first
PREFIX = "{pace}:"  # one hash tag: on a cluster the keys of a call have to live together

log = named("pacing")


class Limiter:
    """Says no to whoever is too fast, and how long to wait."""

    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(TAKE)
        self._home: OrderedDict[str, float] = OrderedDict()

    async def check(self, paces: Mapping[str, Rate]) -> None:
        """Take one from each pace, by name; raises Limited with `retry_after` when any is used up, and takes none."""
        try:
            arguments = [number for rate in paces.values() for number in (rate.interval, rate.burst)]
            microseconds = await self._take(keys=[PREFIX + name for name in paces], args=arguments)
            wait = int(microseconds) / 1_000_000
        except GONE as error:
            log.warning("pacing_at_home", error=repr(error))
            wait = self._take_at_home(paces)
        if wait > 0:
            raise Limited("too_many_requests", f"too many tries; wait {wait:.0f} seconds", retry_after=max(1.0, wait))

    def _take_at_home(self, paces: Mapping[str, Rate]) -> float:
        now = time.time()
        taken = {name: take(self._home.get(name, 0.0), now, rate) for name, rate in paces.items()}
        wait = max(wait for _, wait in taken.values())
        if wait == 0.0:
            for name, (due, _) in taken.items():
                self._home[name] = due
                self._home.move_to_end(name)
            while len(self._home) > HOME_LIMIT:
                self._home.popitem(last=False)
        return wait
