"""How many messages certainly arrived within one span of time: whoever counts them may have stood still meanwhile."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

TICK_SECONDS = 0.01
STILL_SECONDS = 0.03  # a tick that late: nothing was read meanwhile
AFTER_SECONDS = 0.05  # what is read so soon after that may have waited


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
                self.stalls.append((before, now))

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
        begin, end = self.stalls[number - 1]
        return begin if read_at <= end + AFTER_SECONDS else read_at


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
