"""Sentences in the imperative, said to whoever carries them out: Taskiq behind two words. Imports no worker."""

from __future__ import annotations

import asyncio
import math

from pydantic import BaseModel, ConfigDict
from taskiq.message import BrokerMessage, TaskiqMessage

from server import ids, metrics
from server.logging import named
from server.stream import ENTRIES, Stream
from server.valkey import FAILURES

UNSAID_LIMIT = 1000  # different tasks that wait to be sent; when full, a new one is dropped
REST_SECONDS = 0.1  # a task that is said again meanwhile leaves once, after it; all others leave at once
ANSWER_SECONDS = 2.0
AWAY_SECONDS = 1.0  # between tries while Redis does not take them
LOOK_SECONDS = 1.0

log = named("queue")


class Task(BaseModel):
    """What a worker shall do, as row ids only: the worker reads the row. Its class is its name."""

    model_config = ConfigDict(frozen=True)


class Queue:
    """Says tasks to the workers. Never waits and never fails: what is lost is said again by a sweep."""

    def __init__(self, url: str, *, entries: int = ENTRIES) -> None:
        self._stream = Stream(url, entries=entries)
        self._unsaid: dict[Task, None] = {}
        self._resting: set[Task] = set()
        self._wake = asyncio.Event()
        self._speaker: asyncio.Task[None] | None = None
        self._is_refused = False

    async def open(self) -> None:
        """Start to speak."""
        self._speaker = asyncio.create_task(self._speak(), name="queue")

    async def close(self) -> None:
        """Stop; what was not said yet is left to the sweeps."""
        if self._speaker is not None:
            self._speaker.cancel()
            await asyncio.wait([self._speaker])
        await self._stream.shutdown()

    def say(self, task: Task) -> None:
        """Have it carried out soon. The same task said again before it left is one task."""
        if len(self._unsaid) < UNSAID_LIMIT:
            self._unsaid[task] = None
            self._wake.set()
        elif task not in self._unsaid:
            metrics.tasks_dropped.inc()

    async def look(self) -> None:
        """Set the figures of what waits and what was set aside; not a number while Redis does not answer."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                lengths: tuple[float, float] = await self._stream.lengths()
        except FAILURES:
            lengths = math.nan, math.nan
        metrics.tasks_waiting.set(lengths[0])
        metrics.tasks_set_aside.set(lengths[1])

    async def _speak(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            tasks = [task for task in self._unsaid if task not in self._resting]
            if not tasks:
                continue
            for task in tasks:
                del self._unsaid[task]
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._send(tasks)
            except FAILURES as error:
                self._keep(tasks, repr(error))
                await asyncio.sleep(AWAY_SECONDS)
            except Exception:  # a bug with one batch must not silence all that follow; the sweeps say these again
                log.exception("tasks_unsaid", tasks=len(tasks))

    async def _send(self, tasks: list[Task]) -> None:
        if not await self._stream.send([self._written(task) for task in tasks]):
            metrics.tasks_dropped.inc(len(tasks))
            if not self._is_refused:
                log.warning("tasks_dropped", why="the stream is full", remedy="start workers: `parley work`")
            self._is_refused = True
            return
        self._is_refused = False
        self._resting.update(tasks)
        asyncio.get_running_loop().call_later(REST_SECONDS, self._rise, tasks)

    def _rise(self, tasks: list[Task]) -> None:
        """They may be said again."""
        self._resting.difference_update(tasks)
        if self._unsaid:
            self._wake.set()

    def _keep(self, tasks: list[Task], why: str) -> None:
        """Redis does not answer: say them when it does, as far as there is room."""
        log.warning("tasks_unsaid", tasks=len(tasks), error=why)
        for task in tasks:
            self.say(task)

    def _written(self, task: Task) -> BrokerMessage:
        name, fields = type(task).__name__, task.model_dump(mode="json")
        return self._stream.formatter.dumps(
            TaskiqMessage(task_id=str(ids.new()), task_name=name, labels={}, args=[], kwargs=fields)
        )
