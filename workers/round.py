"""A long work done a little at a time: a process that is told to stop is never kept by it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from server import clock

WORK_SECONDS = 1.0  # of one sweep; the next one goes on where it stopped


class Round:
    """Begins the work anew so long after its last end. What it walks is remembered here, what it did in the rows."""

    def __init__(self, begin: Callable[[], AsyncGenerator[int, None]], every_seconds: float) -> None:
        self._begin = begin
        self._every = every_seconds
        self._under_way: AsyncGenerator[int, None] | None = None
        self._next = float("-inf")
        self._is_busy = False

    async def sweep(self) -> int:
        """Go on for a moment, where it is time; returns how many rows were done. Called meanwhile, it does nothing."""
        if self._is_busy or (self._under_way is None and clock.monotonic() < self._next):
            return 0
        self._is_busy = True
        work, self._under_way = self._under_way or self._begin(), None
        try:
            done, until = 0, clock.monotonic() + WORK_SECONDS
            async for count in work:
                done += count
                if clock.monotonic() >= until:
                    self._under_way = work
                    return done
            self._next = clock.monotonic() + self._every
            return done
        finally:
            self._is_busy = False
