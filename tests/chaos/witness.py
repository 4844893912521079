"""How many messages certainly arrived within one span of time: whoever counts them may have stood still meanwhile."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

TICK_SECONDS = 0.01
STILL_SECONDS = 0.03  # a tick that late: nothing was read meanwhile
AFTER_SECONDS = 0.05  # what is read so soon after that may have waited, and the longer it was the more is waiting
AFTER_SHARE = 0.5


class Witness:
    """Knows when this process stood still. What is read then may have come at any moment of it."""

    def __init__(self) -> None:
        self.stalls: list[tuple[float, float]] = []

    async def watch(self) -> None:
        """For as long as it is wanted."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            if now - before > TICK_SECONDS + STILL_SECONDS:
                self.stood_still(before, now)

    def stood_still(self, begin: float, end: float) -> None:
        """Nothing was read meanwhile. What waited then may wait for the end of the next one: the two are one."""
        if self.stalls and begin <= _quiet_after(self.stalls[-1]):
            begin = self.stalls.pop()[0]
        self.stalls.append((begin, end))

    def peak(self, moments: Iterable[float], seconds: float) -> int:
        """The most that certainly came within any such span."""
        read = sorted(moments)
        came = [self._earliest(at) for at in read]
        first = {begin: number for number, begin in reversed(list(enumerate(came)))}
        return max((bisect_left(read, begin + seconds) - number for begin, number in first.items()), default=0)

    def _earliest(self, read_at: float) -> float:
        number = bisect_left(self.stalls, (read_at, read_at))
        if number == 0:
            return read_at
        stall = self.stalls[number - 1]
        return stall[0] if read_at <= _quiet_after(stall) else read_at


def _quiet_after(stall: tuple[float, float]) -> float:
    begin, end = stall
    return end + AFTER_SECONDS + AFTER_SHARE * (end - begin)


@asynccontextmanager
async def witness() -> AsyncIterator[Witness]:
    """One that watches."""
    made = Witness()
    watching = asyncio.create_task(made.watch(), name="witness")
    try:
        yield made
    finally:
        watching.cancel()
        await asyncio.wait([watching])
