"""The stream of tasks in Redis, on one server or on a cluster: servers write here, `workers/` reads. Knows no task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from taskiq.message import BrokerMessage
from taskiq_redis import RedisStreamBroker
from typing_extensions import override

from server.valkey import RETRIES, connect

STREAM = "parley:{tasks}"  # the braces keep both keys in one slot of a cluster
SET_ASIDE = "parley:{tasks}:aside"
GROUP = "workers"
DATA = b"data"
ENTRIES = 200_000  # some 30 MB of Redis: days of nudges that nobody takes; more are refused, never trimmed away
# taskiq-redis opens a pool of its own for what we override; clients come from the one factory, which knows clusters.
UNDIALLED = "redis://"


class Stream(RedisStreamBroker):
    """taskiq's stream, with one client for both kinds of Redis. An entry stays until it is carried out or set aside."""

    def __init__(self, url: str, *, retries: int = RETRIES, entries: int = ENTRIES) -> None:
        super().__init__(UNDIALLED, queue_name=STREAM, consumer_group_name=GROUP, consumer_id="0")
        # A task that ends by cancellation bounds its calls itself (`valkey.connect` says why). Any: redis-py's types
        # allow for every reply of every protocol at once.
        self.client: Any = connect(url, answer_seconds=None, retries=retries)
        self._entries = entries
        self._length = 0

    @override
    async def shutdown(self) -> None:
        """Let go of every connection."""
        await super().shutdown()
        await self.client.aclose()

    @override
    async def kick(self, message: BrokerMessage) -> None:
        """Append one task, as taskiq's own callers do it."""
        await self.send([message])

    async def send(self, messages: Sequence[BrokerMessage]) -> bool:
        """Append these in one round trip; False, and nothing is appended, while the stream is full."""
        if self._length >= self._entries:
            self._length = await self.client.xlen(STREAM)
            if self._length >= self._entries:
                return False
        pipe = self.client.pipeline(transaction=False)
        for message in messages:
            pipe.xadd(STREAM, {DATA: message.message})
        pipe.xlen(STREAM)
        self._length = (await pipe.execute())[-1]
        return True

    async def lengths(self) -> tuple[int, int]:
        """How many tasks wait or are at work, and how many were set aside."""
        pipe = self.client.pipeline(transaction=False)
        pipe.xlen(STREAM)
        pipe.xlen(SET_ASIDE)
        waiting, aside = await pipe.execute()
        return waiting, aside
