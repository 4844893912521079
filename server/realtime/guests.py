"""Everybody who is connected to this node: by person, within bounds, each looked at when due. Knows no channel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from server import clock
from server.errors import Limited, Problem
from server.logging import named
from server.realtime import protocol
from server.realtime.hub import Listener
from server.realtime.protocol import Close
from server.realtime.seam import Identity
from server.realtime.wheel import Wheel

STALL_SECONDS = 3.0  # a process that stood still for longer reads first what came meanwhile, then judges who is silent
EXPEL_SECONDS = 2.0  # how often the rooms are asked who may not be here any more
BURST_SECONDS = 5.0  # a person may save up the commands of so long

log = named(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process bears: sockets in all, sockets of one person, commands of one person."""

    sockets: int = 20_000
    sockets_per_user: int = 100
    commands_per_second: float = 200.0


class Guest(Listener, Protocol):
    """A client, as the node sees it."""

    turn: int

    @property
    def who(self) -> Identity | None: ...

    @property
    def id(self) -> str: ...

    @property
    def is_over(self) -> bool: ...

    @property
    def due(self) -> float: ...

    def tick(self, now: float) -> None: ...

    def cut(self, close: Close) -> None: ...

    def is_granted(self, channel: str) -> bool:
        """Whether a token, and not their standing, lets them listen."""
        ...

    async def ready(self) -> None:
        """Return when the socket takes more, or is over; raises TimeoutError when that takes too long."""
        ...


class Person:
    """One person's connections here, and how many commands they may still send."""

    __slots__ = ("_at", "_tokens", "sockets")

    def __init__(self, now: float, limits: Limits) -> None:
        self.sockets = 0
        self._at = now
        self._tokens = limits.commands_per_second * BURST_SECONDS

    def take(self, commands: int, now: float, limits: Limits) -> bool:
        """Whether so many commands more are within the bound."""
        most = limits.commands_per_second * BURST_SECONDS
        self._tokens = min(most, self._tokens + (now - self._at) * limits.commands_per_second)
        self._at = now
        if self._tokens < commands:
            return False
        self._tokens -= commands
        return True


class Guests:
    """Admitted with the upgrade, greeted once it is known who they are, dismissed when their socket is gone."""

    def __init__(self, limits: Limits, first_look_seconds: float) -> None:
        self._limits = limits
        self._first_look_seconds = first_look_seconds
        self._all: set[Guest] = set()
        self._people: dict[str, Person] = {}
        self._wheel: Wheel[Guest] = Wheel(clock.monotonic())

    def __len__(self) -> int:
        return len(self._all)

    def everybody(self) -> tuple[Guest, ...]:
        return tuple(self._all)

    @property
    def are_many(self) -> bool:
        """Whether the node is full."""
        return len(self._all) >= self._limits.sockets

    def admit(self, guest: Guest) -> None:
        self._all.add(guest)
        self._wheel.put(guest, clock.monotonic() + self._first_look_seconds)

    def greet(self, who: Identity) -> None:
        """Count one more socket of theirs; raise Limited for somebody who is here too often."""
        person = self._people.get(who.user)
        if person is None:
            person = self._people[who.user] = Person(clock.monotonic(), self._limits)
        if person.sockets >= self._limits.sockets_per_user:
            raise Limited("too_many_connections")
        person.sockets += 1

    def part(self, who: Identity) -> None:
        """One socket of theirs less."""
        person = self._people[who.user]
        person.sockets -= 1
        if not person.sockets:
            del self._people[who.user]

    def dismiss(self, guest: Guest) -> None:
        if guest not in self._all:
            return
        self._all.discard(guest)
        self._wheel.remove(guest)
        if guest.who is not None:
            self.part(guest.who)

    def may_command(self, who: Identity, commands: int) -> bool:
        """Whether this person may send so many commands more."""
        person = self._people.get(who.user)
        return person is None or person.take(commands, clock.monotonic(), self._limits)

    def look_again(self, guest: Guest) -> None:
        """It is due at another time than was thought."""
        if guest in self._all:
            self._wheel.put(guest, guest.due)

    async def leave_slowly(self, seconds: float) -> None:
        """Send everybody to another node, evenly over this time."""
        guests = self.everybody()
        begun = clock.monotonic()
        for count, guest in enumerate(guests, 1):
            guest.cut(protocol.SHUTDOWN)
            ahead = begun + seconds * count / len(guests) - clock.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)

    async def keep_looking(self) -> None:
        """Give every guest its tick when it is due."""
        while True:
            before = clock.monotonic()
            await asyncio.sleep(1)
            now = clock.monotonic()
            if now - before > STALL_SECONDS:
                continue
            for guest in self._wheel.advance(now):
                try:
                    guest.tick(now)
                except Exception:
                    log.exception("tick_failed")
                if not guest.is_over:
                    self._wheel.put(guest, guest.due)

    async def keep_expelling(self, expelled: Callable[[Sequence[Identity]], Awaitable[Sequence[Identity]]]) -> None:
        """Cut whoever the rooms no longer want here."""
        while True:
            await asyncio.sleep(EXPEL_SECONDS)
            people = {id(guest.who): guest for guest in self._all if guest.who is not None}
            if not people:
                continue
            try:
                unwanted = await expelled([guest.who for guest in people.values() if guest.who is not None])
            except (Problem, TimeoutError) as why:
                log.warning("expelled_unread", why=str(why))
                continue
            except Exception:
                log.exception("expelling_failed")
                continue
            for who in unwanted:
                people[id(who)].cut(protocol.FORCED)
