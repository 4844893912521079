"""What the nodes tell each other: Redis pub/sub that comes back by itself. Knows channels and bytes, no streams.

Redis forgets: what is said while nobody hears it is lost. The offset gate heals that, so the bus may drop, too.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from broadcaster._backends.base import BroadcastBackend  # broadcaster exports its interface from nowhere else
from broadcaster._base import Event
from typing_extensions import override

from server import metrics
from server.errors import Unavailable
from server.logging import named
from server.realtime.link import Address, Link, Messages, Refused, command, dial

OUTBOX_BYTES = 4_194_304  # news Redis has not taken; more is dropped, and read from the rows by whoever misses it
INBOX_EVENTS = 10_000  # for `next_published`; the oldest go first
NAMES_A_COMMAND = 500  # resubscribing 10,000 channels is twenty commands in one write
CONFIRM_SECONDS = 5.0
FIRST_SECONDS = 2.0  # what a start waits for a bus that does not answer
PROBE_SECONDS = 3.0  # a silent Redis is given up after one to two of these
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.05, 5.0

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
        self._address = Address.of(url)
        self._prefix = b"parley:%d:" % self._address.database  # pub/sub itself knows no databases
        self._hear = hear or self._queue
        self._changed = changed
        self._link: Link | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._wanted: dict[bytes, asyncio.Future[None]] = {}
        self._unconfirmed: dict[bytes, int] = {}
        self._lacking: set[bytes] = set()  # not yet confirmed since the last reconnect
        self._orders: list[bytes] = []
        self._news: list[bytes] = []
        self._news_bytes = 0
        self._is_flushing = False
        self._events: asyncio.Queue[Event] = asyncio.Queue(INBOX_EVENTS)

    @property
    def is_up(self) -> bool:
        """Whether everything that is said on the wanted channels is heard."""
        return self._link is not None and not self._lacking

    @override
    async def connect(self) -> None:
        """Start; returns with the first connection, or soon without one: the bus goes on trying."""
        first = asyncio.Event()
        self._keeper = asyncio.create_task(self._keep(first))
        try:
            async with asyncio.timeout(FIRST_SECONDS):
                await first.wait()
        except TimeoutError:
            log.warning("bus_unreachable")

    @override
    async def disconnect(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        if self._link is not None:
            self._flush()
            await self._link.close()
        self._put_down()

    @override
    async def subscribe(self, group: str) -> None:
        """Hear a channel from now on; returns when Redis has confirmed it. Raises Unavailable, and still wants it."""
        name = self._prefix + group.encode()
        future = self._wanted.get(name)
        if future is None or future.cancelled():
            future = self._wanted[name] = asyncio.get_running_loop().create_future()
            if self._link is not None:
                self._order_subscriptions([name])
        if self._link is None:
            raise Unavailable("bus_down")
        if future.done():
            return
        waited, _ = await asyncio.wait([future], timeout=CONFIRM_SECONDS)
        if not waited or future.cancelled():
            raise Unavailable("bus_down")

    @override
    async def unsubscribe(self, group: str) -> None:
        self.forget(group)

    def forget(self, group: str) -> None:
        """Hear a channel no longer; returns at once."""
        name = self._prefix + group.encode()
        future = self._wanted.pop(name, None)
        if future is None:
            return
        future.cancel()
        self._lacking.discard(name)
        if self._link is not None:
            self._orders.append(command(b"UNSUBSCRIBE", name))
            self._flush_soon()

    @override
    async def publish(self, channel: str, message: str | bytes) -> None:
        self.tell(channel, message.encode() if isinstance(message, str) else message)

    def tell(self, channel: str, payload: bytes) -> bool:
        """Say it with the next write; returns whether there was room. While Redis is away it is kept, within bounds."""
        waiting = self._news_bytes + (self._link.waiting_bytes if self._link is not None else 0)
        if waiting + len(payload) > OUTBOX_BYTES:
            return False
        self._news.append(command(b"PUBLISH", self._prefix + channel.encode(), payload))
        self._news_bytes += len(payload)
        self._flush_soon()
        return True

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

    def _flush_soon(self) -> None:
        if self._link is not None and not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        if self._link is not None and (self._orders or self._news):
            self._link.write(b"".join([*self._orders, *self._news]))
            self._orders, self._news, self._news_bytes = [], [], 0

    def _order_subscriptions(self, names: list[bytes]) -> None:
        for start in range(0, len(names), NAMES_A_COMMAND):
            self._orders.append(command(b"SUBSCRIBE", *names[start : start + NAMES_A_COMMAND]))
        for name in names:
            self._unconfirmed[name] = self._unconfirmed.get(name, 0) + 1
        self._flush_soon()

    def _confirmed(self, name: bytes) -> None:
        """A channel left and entered again is confirmed twice; only the last one counts."""
        left = self._unconfirmed.pop(name, 1) - 1
        if left:
            self._unconfirmed[name] = left
            return
        future = self._wanted.get(name)
        if future is not None and not future.done():
            future.set_result(None)
        if name in self._lacking:
            self._lacking.discard(name)
            self._tell_if_up()

    async def _keep(self, first: asyncio.Event) -> None:
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                self._take_up(await dial(self._address, self._received, self._confirmed))
            except (OSError, TimeoutError, Refused) as why:
                log.warning("bus_down", why=str(why) or type(why).__name__, again_in_seconds=round(wait, 2))
                await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311 — spreads reconnects, keeps no secret
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)
                continue
            first.set()
            wait = FIRST_WAIT_SECONDS
            await self._watch()
            self._put_down()

    async def _watch(self) -> None:
        """Return when the connection is gone, or so silent that it must be."""
        link = self._link
        assert link is not None
        while True:
            link.was_heard = False
            link.write(command(b"PING"))
            try:
                async with asyncio.timeout(PROBE_SECONDS):
                    await link.lost.wait()
                return
            except TimeoutError:
                if not link.was_heard:
                    log.warning("bus_silent")
                    link.abort()
                    return

    def _take_up(self, link: Link) -> None:
        self._link = link
        loop = asyncio.get_running_loop()
        for name, future in self._wanted.items():
            if future.done():
                self._wanted[name] = loop.create_future()
        self._lacking = set(self._wanted)
        self._order_subscriptions(list(self._wanted))
        self._tell_if_up()

    def _tell_if_up(self) -> None:
        if self.is_up:
            log.info("bus_up", channels=len(self._wanted))
            metrics.bus_up.set(1)
            if self._changed is not None:
                self._changed(True)

    def _put_down(self) -> None:
        """Whoever waits for a confirmation learns that there will be none for now; what is wanted stays wanted."""
        if self._link is None:
            return
        self._link.abort()
        self._link = None
        self._orders, self._unconfirmed = [], {}
        for future in self._wanted.values():
            future.cancel()
        metrics.bus_up.set(0)
        if self._changed is not None:
            self._changed(False)
