"""What is being done for clients at this moment, each within a time. Knows no command."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

COMMAND_SECONDS = 10.0  # the SDKs give up after five; whatever hangs longer is answered with an error


class Commands:
    """One look a second at the oldest, instead of a timer for each: a timer costs more than most commands."""

    def __init__(self) -> None:
        self._running: dict[asyncio.Task[None], float] = {}  # in the order in which they began
        self._late: set[asyncio.Task[None]] = set()

    def run(self, work: Coroutine[object, object, None]) -> None:
        """Carry it out beside everything else; it is cancelled when it takes too long."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(work)
        self._running[task] = loop.time()
        task.add_done_callback(self._ended)

    def came_too_late(self) -> bool:
        """Whether the running task was cancelled for taking too long: then it goes on, with that as its outcome."""
        task = asyncio.current_task()
        if task not in self._late:
            return False
        task.uncancel()
        return True

    async def keep_watching(self) -> None:
        """Cancel what takes too long."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1)
            for task, began in list(self._running.items()):
                if loop.time() - began < COMMAND_SECONDS:
                    break
                if task not in self._late:
                    self._late.add(task)
                    task.cancel()

    def cancel(self) -> set[asyncio.Task[None]]:
        """End all of it; returns what to wait for."""
        for task in self._running:
            task.cancel()
        return set(self._running)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._late.discard(task)
