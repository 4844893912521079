"""One Redis as the bus needs it: a link that comes back by itself, and what still has to be said over it."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import hiredis

from server import clock
from server.address import Address
from server.logging import named
from server.realtime.link import Link, Messages, Refused, command, dial
from server.realtime.slots import slot_of

OUTBOX_BYTES = (
    4_194_304  # news Redis has not answered for; more is dropped, and read from the rows by whoever misses it
)
# News on their way. Redis sets 16 KB aside for each message that comes back on the connection it was said on, until
# it is read, and hangs up on a listener at 32 MB (`client-output-buffer-limit pubsub`): 2,040 unread ones were enough.
WINDOW = 500
NAMES_A_COMMAND = 500  # resubscribing 10,000 channels is twenty commands in one write
GATHER_SECONDS = 0.002  # between two writes of subscriptions: a crowd shares them, on both sides
CLOSE_SECONDS = 1.0
PROBE_SECONDS = 3.0  # a silent Redis is given up after one to two of these
STEADY_SECONDS = 3.0  # a link that held for so long is dialled again at once
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.05, 5.0

_dice = random.Random()  # noqa: S311 — spreads reconnects, keeps no secret
log = named(__name__)


@dataclass(frozen=True, slots=True)
class Words:
    """How a server is spoken to: alone, or as one of a cluster, which divides the channels among its slots."""

    subscribe: bytes
    unsubscribe: bytes
    publish: bytes
    is_sharded: bool


PLAIN = Words(b"SUBSCRIBE", b"UNSUBSCRIBE", b"PUBLISH", is_sharded=False)
SHARDED = Words(b"SSUBSCRIBE", b"SUNSUBSCRIBE", b"SPUBLISH", is_sharded=True)


class Owner(Protocol):
    """Who has the lines, and is told what becomes of them."""

    def heard(self, messages: Messages) -> None: ...

    def came(self, line: Line, /) -> None:
        """It is up, and nothing is subscribed on it."""

    def went(self, line: Line) -> None:
        """It is down, or another attempt to dial has failed."""

    def confirmed(self, line: Line, name: bytes) -> None:
        """Whatever is said on this channel from now on is heard."""

    def evicted(self, line: Line, name: bytes) -> None:
        """The server has ended the subscription by itself."""

    def moved(self, line: Line, slots: set[int], news: Messages) -> None:
        """Others own these slots: nothing is subscribed in them on this line, and these news were not taken."""


class Line:
    """Begin it, and end it or close it. Says what it is told in order; what is said while it is down is kept."""

    def __init__(self, address: Address, words: Words, owner: Owner) -> None:
        self.address = address
        self.words = words
        self._owner = owner
        self._link: Link | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._ordered: list[bytes] = []  # names to subscribe with the next write
        self._orders: list[bytes] = []
        self._news: deque[tuple[bytes, bytes]] = deque()
        self._said: deque[tuple[bytes, bytes]] = deque()  # and not answered for
        self._news_bytes = 0  # of both
        self._quiet = asyncio.Event()
        self._unconfirmed: dict[bytes, int] = {}
        self._leaving: dict[bytes, int] = {}
        self._is_flushing = False
        self._ordered_at = float("-inf")
        self._gathering: asyncio.TimerHandle | None = None

    @property
    def is_up(self) -> bool:
        return self._link is not None

    def begin(self) -> None:
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """End it once Redis has taken what was said, if that is soon."""
        await self._rest()
        if self._link is not None:
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    while self._news_bytes:
                        self._quiet.clear()
                        await self._quiet.wait()
            except TimeoutError:
                log.warning("news_unsaid", bytes=self._news_bytes)
            await self._link.close()
        self._put_down()

    async def end(self) -> Messages:
        """End it now; returns the news that nobody has taken."""
        await self._rest()
        self._put_down()
        return list(self._news)

    def subscribe(self, names: Iterable[bytes]) -> None:
        """Order it; the owner hears of each when it is confirmed. The line has to be up."""
        for name in names:
            self._unconfirmed[name] = self._unconfirmed.get(name, 0) + 1
            self._ordered.append(name)
        wait = self._ordered_at + GATHER_SECONDS - clock.monotonic()
        if wait <= 0:
            self._flush_soon()
        elif self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(wait, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        self._flush_soon()

    def _order(self) -> None:
        """Make as few commands as may be of what is to be subscribed."""
        names, self._ordered = self._ordered, []
        self._ordered_at = clock.monotonic()
        verb = self.words.subscribe
        # A cluster takes no command whose channels are in several slots.
        group_of = slot_of if self.words.is_sharded else _one_group
        for _, group in groupby(sorted(names, key=group_of), group_of):
            some = list(group)
            for start in range(0, len(some), NAMES_A_COMMAND):
                self._orders.append(command(verb, *some[start : start + NAMES_A_COMMAND]))

    def unsubscribe(self, name: bytes) -> None:
        if self._link is not None:
            self._leaving[name] = self._leaving.get(name, 0) + 1
            if self._ordered:
                self._order()  # who comes and goes does so in this order
            self._orders.append(command(self.words.unsubscribe, name))
            self._flush_soon()

    def say(self, name: bytes, payload: bytes) -> bool:
        """Say it with the next write; returns whether there was room."""
        held = self._news_bytes + len(name) + len(payload)
        if held > OUTBOX_BYTES:
            return False
        self._news.append((name, payload))
        self._news_bytes = held
        if not self._is_flushing:
            self._flush_soon()
        return True

    def hang_up(self, why: str) -> None:
        """What this link says cannot be relied upon: begin anew."""
        log.warning("bus_link_dropped", server=self.address.name, why=why)
        if self._link is not None:
            self._link.abort()

    def heard(self, messages: Messages) -> None:
        self._owner.heard(messages)

    def subscribed(self, name: bytes) -> None:
        """A channel left and entered again is confirmed twice; only the last one counts."""
        left = self._unconfirmed.pop(name, 1) - 1
        if left:
            self._unconfirmed[name] = left
        else:
            self._owner.confirmed(self, name)

    def unsubscribed(self, name: bytes) -> None:
        left = self._leaving.pop(name, 0) - 1
        if left > 0:
            self._leaving[name] = left
        elif left < 0:
            self._owner.evicted(self, name)

    def answered(self, answers: list[object]) -> None:
        said, moved, refused = self._said, set[int](), Messages()
        for answer in answers:
            if answer.__class__ is int:
                if said:
                    name, payload = said.popleft()
                    self._news_bytes -= len(name) + len(payload)
            elif isinstance(answer, hiredis.ReplyError):
                self._refused(str(answer), moved, refused)
        if moved:
            for counts in (self._unconfirmed, self._leaving):
                for name in [name for name in counts if slot_of(name) in moved]:
                    del counts[name]
            self._owner.moved(self, moved, refused)
        if self._news:
            self._flush_soon()
        elif not said:
            self._quiet.set()

    def _refused(self, error: str, moved: set[int], news: Messages) -> None:
        """A refusal names the slot, not the command. If the eldest news are of that slot, they were meant.

        Mistaking a subscription for them does no harm: news that are said twice are heard once, thanks to the gate.
        """
        kind, _, rest = error.partition(" ")
        if kind != "MOVED":
            self.hang_up(error)
            return
        slot = int(rest.split()[0])
        moved.add(slot)
        if self._said and slot_of(self._said[0][0]) == slot:
            news.append(self._said.popleft())
            self._news_bytes -= size(news[-1])

    def _flush_soon(self) -> None:
        if self._link is not None and not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        if self._link is None:
            return
        if self._ordered:
            self._order()
        going, self._orders = self._orders, []
        for _ in range(min(len(self._news), WINDOW - len(self._said))):
            news = self._news.popleft()
            self._said.append(news)
            going.append(command(self.words.publish, *news))
        if going:
            self._link.write(b"".join(going))

    async def _keep(self) -> None:
        wait = FIRST_WAIT_SECONDS
        while True:
            began = clock.monotonic()
            try:
                link = await dial(self.address, self)
            except (OSError, TimeoutError, Refused) as why:
                reason = str(why) or type(why).__name__
                log.warning("bus_down", server=self.address.name, why=reason, again_in_seconds=round(wait, 2))
                self._owner.went(self)
            else:
                self._link = link
                self._owner.came(self)
                self._flush_soon()
                await self._watch(link)
                self._put_down()
                if clock.monotonic() - began > STEADY_SECONDS:
                    wait = FIRST_WAIT_SECONDS
                    continue
            await asyncio.sleep(wait * _dice.uniform(0.5, 1))
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    async def _watch(self, link: Link) -> None:
        """Return when the connection is gone, or so silent that it must be."""
        while True:
            link.was_heard = False
            link.write(command(b"PING"))
            try:
                async with asyncio.timeout(PROBE_SECONDS):
                    await link.lost.wait()
                return
            except TimeoutError:
                if not link.was_heard:
                    self.hang_up("silent")
                    return

    def _put_down(self) -> None:
        """What was on its way is lost; what was not yet said is kept."""
        if self._link is None:
            return
        self._link.abort()
        self._link = None
        self._news_bytes -= sum(map(size, self._said))
        self._said.clear()
        self._ordered, self._orders, self._unconfirmed, self._leaving = [], [], {}, {}
        self._owner.went(self)

    async def _rest(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])


def _one_group(_: bytes) -> int:
    return 0


def size(news: tuple[bytes, bytes]) -> int:
    """What a channel and its payload take up."""
    return len(news[0]) + len(news[1])
