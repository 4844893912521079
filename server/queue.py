"""Sentences in the imperative, said to whoever carries them out: Taskiq behind two words. Imports no worker."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel, ConfigDict
from taskiq import AsyncBroker
from taskiq.exceptions import TaskiqError
from taskiq.kicker import AsyncKicker
from taskiq_redis import RedisStreamBroker, RedisStreamClusterBroker

from server import valkey
from server.address import addresses, is_cluster
from server.logging import named
from server.valkey import FAILURES, members

STREAM = "parley:tasks"
STREAM_ENTRIES = 1000  # tasks only say "look now": older ones are trimmed, and a sweep says them again
UNSAID_LIMIT = 1000  # different tasks that wait to be sent; when full, a new one is dropped
REST_SECONDS = 0.1  # what is said meanwhile is said once
ANSWER_SECONDS = 2.0
BLOCK_MILLISECONDS = 2000  # of one read; below the client's own patience of 5 s, which would end the worker

log = named("queue")


class Task(BaseModel):
    """What a worker shall do, as row ids only: the worker reads the row. Its class is its name."""

    model_config = ConfigDict(frozen=True)


def stream(url: str, *, answer_seconds: float | None = valkey.ANSWER_SECONDS) -> AsyncBroker:
    """The way to the workers, for who speaks and who listens. Nothing sent before the first worker came is skipped."""
    group: dict[str, Any] = {
        "queue_name": STREAM,
        "consumer_group_name": "workers",
        "consumer_id": "0",
        "maxlen": STREAM_ENTRIES,
        "xread_block": BLOCK_MILLISECONDS,
        "socket_timeout": answer_seconds,
    }
    if is_cluster(url):
        # It never takes over what a dead worker had read (taskiq-redis issue 130). A sweep says that again, as always.
        seed = addresses(url)[0]
        return RedisStreamClusterBroker(f"redis://{seed.netloc}", **group, **members(url))
    return RedisStreamBroker(url, **group, xread_count=1)


class Queue:
    """Says tasks to the workers. Never waits and never fails: what is lost is said again by a sweep."""

    def __init__(self, url: str) -> None:
        # With a timeout of its own redis-py may lose our cancellation (`valkey.connect` says how): `close` would hang.
        self._stream = stream(url, answer_seconds=None)
        self._unsaid: dict[Task, None] = {}
        self._wake = asyncio.Event()
        self._speaker: asyncio.Task[None] | None = None
        self._is_started = False

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

    async def _speak(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            tasks, self._unsaid = list(self._unsaid), {}
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._send(tasks)
            except (TaskiqError, *FAILURES) as error:
                log.warning("tasks_unsaid", tasks=len(tasks), error=repr(error))
            await asyncio.sleep(REST_SECONDS)

    async def _send(self, tasks: list[Task]) -> None:
        if not self._is_started:
            await self._stream.startup()
            self._is_started = True
        for task in tasks:
            kicker: AsyncKicker[..., None] = AsyncKicker(type(task).__name__, self._stream, labels={})
            await kicker.kiq(**task.model_dump(mode="json"))
