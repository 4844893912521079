"""What the nodes tell each other: Redis pub/sub that comes back by itself. Knows channels and bytes, no streams.

Redis forgets: what is said while nobody hears it is lost. The offset gate heals that, so the bus may drop, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from broadcaster._backends.base import BroadcastBackend  # broadcaster exports its interface from nowhere else
from broadcaster._base import Event
from typing_extensions import override

from server.address import addresses, is_cluster
from server.logging import named
from server.realtime.cluster import Cluster
from server.realtime.link import Messages
from server.realtime.single import Single
from server.realtime.subscriptions import Subscriptions

INBOX_EVENTS = 10_000  # for `next_published`; the oldest go first
FIRST_SECONDS = 2.0  # what a start waits for a bus that does not answer

Heard = list[tuple[str, bytes]]
log = named(__name__)


class Bus(BroadcastBackend):
    """Subscriptions are confirmed before `subscribe` returns, and made again after every reconnect.

    With `hear` each read from Redis becomes one call; without it events queue up for `next_published`.
    `changed` is called with True once everything wanted is subscribed, and with False when the bus falls silent.
    """

    def __init__(
        self,
        url: str,
        hear: Callable[[Heard], None] | None = None,
        changed: Callable[[bool], None] | None = None,
    ) -> None:
        servers = addresses(url)
        lines = partial(Cluster, servers) if is_cluster(url) else partial(Single, servers[0])
        self._subscriptions = Subscriptions(lines, self._received, changed)
        self._lines = self._subscriptions.lines
        self._prefix = b"parley:%d:" % servers[0].database  # pub/sub itself knows no databases
        self._hear = hear or self._queue
        self._events: asyncio.Queue[Event] = asyncio.Queue(INBOX_EVENTS)

    @property
    def is_up(self) -> bool:
        """Whether everything that is said on the wanted channels is heard."""
        return self._subscriptions.is_up

    @override
    async def connect(self) -> None:
        """Start; returns when the bus is up for the first time, or soon without it: it goes on trying."""
        self.begin()
        try:
            async with asyncio.timeout(FIRST_SECONDS):
                await self._subscriptions.came_up.wait()
        except TimeoutError:
            log.warning("bus_unreachable")

    def begin(self) -> None:
        """Start without waiting, where nothing has to be heard: what is said meanwhile is kept, within bounds."""
        self._lines.begin()

    @override
    async def disconnect(self) -> None:
        await self._lines.close()

    @override
    async def subscribe(self, group: str) -> None:
        """Hear a channel from now on; returns when Redis has confirmed it. Raises Unavailable, and still wants it."""
        await self._subscriptions.subscribe(self._prefix + group.encode())

    @override
    async def unsubscribe(self, group: str) -> None:
        self.forget(group)

    def forget(self, group: str) -> None:
        """Hear a channel no longer; returns at once."""
        self._subscriptions.forget(self._prefix + group.encode())

    @override
    async def publish(self, channel: str, message: str | bytes) -> None:
        self.tell(channel, message.encode() if isinstance(message, str) else message)

    def tell(self, channel: str, payload: bytes) -> bool:
        """Say it with the next write; returns whether there was room. While Redis is away it is kept, within bounds."""
        return self._lines.say(self._prefix + channel.encode(), payload)

    @override
    async def next_published(self) -> Event:
        return await self._events.get()

    def _queue(self, heard: Heard) -> None:
        for channel, payload in heard:
            if self._events.full():
                self._events.get_nowait()
            self._events.put_nowait(Event(channel, payload.decode(errors="replace")))

    def _received(self, messages: Messages) -> None:
        skip = len(self._prefix)
        self._hear([(name[skip:].decode(), payload) for name, payload in messages])
