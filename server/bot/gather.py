"""Many small writes as few large ones: what comes while a write is under way goes with the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from server.errors import Unavailable

TOGETHER = 256  # items in one write
WAITING_LIMIT = 5_000  # a caller beyond is told to come back

T = TypeVar("T")


class Gather(Generic[T]):
    """One write at a time, in the order of arrival. Whoever added something hears how its own write ended."""

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def add(self, item: T) -> None:
        """Return when the item is written; raises what the write raised."""
        if len(self._waiting) >= WAITING_LIMIT:
            raise Unavailable("bot_overrun", "more arrives than can be written; repeat", retry_after=2.0)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._work_off(), name="gather")
        await future

    async def _work_off(self) -> None:
        await asyncio.sleep(0)  # those who come in the same turn of the loop come along
        while self._waiting:
            batch, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
            try:
                await self._write([item for item, _ in batch])
            except Exception as error:  # whoever added it deals with it; the next write has a try of its own
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for _, future in batch:
                    if not future.done():
                        future.set_result(None)
