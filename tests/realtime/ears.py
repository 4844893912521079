"""A bus that is open, and what it said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.realtime.bus import Bus, Heard


class Ears:
    """What a bus said, read by read."""

    def __init__(self) -> None:
        self.reads: list[Heard] = []
        self.states: list[bool] = []

    @property
    def heard(self) -> list[tuple[str, bytes]]:
        return [each for read in self.reads for each in read]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[tuple[Bus, Ears]]:
    ears = Ears()
    bus = Bus(url, ears.reads.append, ears.states.append)
    await bus.connect()
    try:
        yield bus, ears
    finally:
        await bus.disconnect()
