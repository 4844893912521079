"""Which channels are wanted, on which line each is ordered, and whether all of them are heard. Knows no payload."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from server import metrics
from server.errors import Unavailable
from server.logging import named
from server.realtime.line import Line, Owner
from server.realtime.link import Messages
from server.realtime.slots import slot_of

log = named(__name__)


class Lines(Protocol):
    """The ways to one Redis or to many."""

    @property
    def is_up(self) -> bool: ...

    def begin(self) -> None: ...

    async def close(self) -> None: ...

    def of(self, name: bytes) -> Line | None:
        """The line that carries a channel."""

    def say(self, name: bytes, payload: bytes) -> bool: ...

    def doubt(self, line: Line, slots: set[int]) -> None:
        """These slots are no longer carried by that line."""

    def went(self, line: Line) -> None:
        """It is down; another may have to take its place."""


@dataclass(slots=True)
class Want:
    """A channel that somebody listens to, the line on which it was ordered, and who waits until it is confirmed."""

    line: Line | None = None
    is_confirmed: bool = False
    waiting: list[asyncio.Future[bool]] | None = None

    def settle(self, *, is_confirmed: bool) -> None:
        """Tell those who wait, if any do."""
        self.is_confirmed = is_confirmed
        waiting, self.waiting = self.waiting, None
        for each in waiting or ():
            if not each.done():
                each.set_result(is_confirmed)


class Subscriptions:
    """`heard` gets what one read brought; `changed` is called whenever `is_up` has."""

    def __init__(
        self,
        lines: Callable[[Owner], Lines],
        heard: Callable[[Messages], None],
        changed: Callable[[bool], None] | None,
    ) -> None:
        self.heard = heard
        self.lines = lines(self)
        self.is_up = False  # everything that is said on the wanted channels is heard
        self.came_up = asyncio.Event()
        self._changed = changed
        self._wants: dict[bytes, Want] = {}
        self._lacking: set[bytes] = set()  # were confirmed once, or wanted while there was no line

    async def subscribe(self, name: bytes) -> None:
        """Return when it is confirmed; raises Unavailable, and still wants it.

        A server that says nothing is given up by its line, which ends the waiting.
        """
        want = self._wants.get(name)
        if want is None:
            want = self._wants[name] = Want()
        if want.line is None:
            line = self.lines.of(name)
            if line is None or not line.is_up:
                self._lacking.add(name)
                self._judge()
                raise Unavailable("bus_down")
            self._order(line, [name])
        if want.is_confirmed:
            return
        confirmed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if want.waiting is None:
            want.waiting = []
        want.waiting.append(confirmed)
        if not await confirmed:
            raise Unavailable("bus_down")

    def forget(self, name: bytes) -> None:
        """Want it no longer."""
        want = self._wants.pop(name, None)
        if want is None:
            return
        want.settle(is_confirmed=False)
        if want.line is not None:
            want.line.unsubscribe(name)
        self._lacking.discard(name)
        self._judge()

    def came(self, _: Line) -> None:
        self.rearranged()

    def went(self, line: Line) -> None:
        """Whoever waits for a confirmation learns that there will be none for now."""
        for name, want in self._wants.items():
            if want.line is line:
                want.line = None
                want.settle(is_confirmed=False)
                self._lacking.add(name)
        self.lines.went(line)
        self._judge()

    def confirmed(self, line: Line, name: bytes) -> None:
        want = self._wants.get(name)
        if want is None or want.line is not line:
            return
        want.settle(is_confirmed=True)
        if name in self._lacking:
            self._lacking.discard(name)
            self._judge()

    def evicted(self, line: Line, name: bytes) -> None:
        want = self._wants.get(name)
        if want is not None and want.line is line:
            self._displace(name, want)
            self.lines.doubt(line, {slot_of(name)})
            self._judge()

    def moved(self, line: Line, slots: set[int], news: Messages) -> None:
        for name, want in self._wants.items():
            if want.line is line and slot_of(name) in slots:
                self._displace(name, want)
        self.lines.doubt(line, slots)
        for name, payload in news:
            self.lines.say(name, payload)
        self._judge()

    def rearranged(self) -> None:
        """Order every channel where it belongs, unless it is ordered there."""
        orders: dict[Line, list[bytes]] = {}
        for name, want in self._wants.items():
            line = self.lines.of(name)
            if want.line is not None and want.line is not line:
                self._displace(name, want)
            if want.line is None and line is not None and line.is_up:
                self._lacking.add(name)
                orders.setdefault(line, []).append(name)
        for line, names in orders.items():
            self._order(line, names)
        self._judge()

    def _displace(self, name: bytes, want: Want) -> None:
        want.line = None
        self._lacking.add(name)

    def _order(self, line: Line, names: list[bytes]) -> None:
        for name in names:
            want = self._wants[name]
            want.line, want.is_confirmed = line, False
        line.subscribe(names)

    def _judge(self) -> None:
        is_up = self.lines.is_up and not self._lacking
        if is_up is self.is_up:
            return
        self.is_up = is_up
        metrics.bus_up.set(is_up)
        say = log.info if self._wants else log.debug  # who only speaks misses nothing
        say("bus_up" if is_up else "bus_deaf", channels=len(self._wants))
        if is_up:
            self.came_up.set()
        if self._changed is not None:
            self._changed(is_up)
