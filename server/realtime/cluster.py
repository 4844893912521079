"""The masters of a Redis Cluster, a line to each, and the map of their slots. Knows no subscription."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import hiredis

from server import clock
from server.address import Address
from server.logging import named
from server.realtime.line import OUTBOX_BYTES, SHARDED, Line, Owner, size
from server.realtime.link import Messages, Refused, command, dial
from server.realtime.slots import SLOTS, owners, slot_of

MAP_SECONDS = 15.0  # the map is read again after so long without any doubt: a server cut off from the others sees none
ASK_SECONDS = 2.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.02, 1.0  # between two readings of a map that is in doubt

log = named(__name__)


class Arranger(Owner, Protocol):
    """Who places subscriptions on lines."""

    def rearranged(self) -> None:
        """Some channels belong to other lines than before."""


class Cluster:
    """Lines by channel. What is in doubt belongs to nobody until the map has been read again."""

    def __init__(self, seeds: Sequence[Address], owner: Arranger) -> None:
        self._seeds = seeds
        self._owner = owner
        self._lines: dict[Address, Line] = {}
        self._owners: list[Line | None] = [None] * SLOTS
        self._doubted: set[int] = set()
        self._strays: deque[tuple[bytes, bytes]] = deque()  # news for slots that belong to nobody
        self._stray_bytes = 0
        self._advisers: dict[Address, None] = {}  # who said last that the map is wrong, and so knows more
        self._must_read = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def is_up(self) -> bool:
        """Whether every master that the map knows is connected, and the map is right as far as anybody said."""
        return bool(self._lines) and not self._doubted and all(line.is_up for line in self._lines.values())

    def begin(self) -> None:
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        await asyncio.gather(*(line.close() for line in self._lines.values()))

    def of(self, name: bytes) -> Line | None:
        """The line over which a channel is heard."""
        return self._owners[slot_of(name)]

    def say(self, name: bytes, payload: bytes) -> bool:
        """Say it to the owner of the channel's slot, or, within bounds, as soon as there is one."""
        line = self._owners[slot_of(name)]
        if line is not None:
            return line.say(name, payload)
        stray = (name, payload)
        if self._stray_bytes + size(stray) > OUTBOX_BYTES:
            return False
        self._strays.append(stray)
        self._stray_bytes += size(stray)
        return True

    def doubt(self, line: Line, slots: set[int]) -> None:
        """These slots belong to nobody until the map was read again."""
        mistaken = [slot for slot in slots if self._owners[slot] is line]
        if mistaken:
            for slot in mistaken:
                self._owners[slot] = None
            self._doubted.update(mistaken)
            self._advisers[line.address] = None
            self._must_read.set()

    def went(self, line: Line) -> None:
        """Another server may have taken its place."""
        if self._lines.get(line.address) is line:
            self._must_read.set()

    async def _keep(self) -> None:
        wait = FIRST_WAIT_SECONDS
        while True:
            began = clock.monotonic()
            self._must_read.clear()
            answer, asked = await self._ask()
            if answer:
                for line in self._arrange(answer, asked):
                    for name, payload in await line.end():
                        self.say(name, payload)
                try:
                    async with asyncio.timeout(MAP_SECONDS):
                        await self._must_read.wait()
                except TimeoutError:
                    pass
            if clock.monotonic() - began > LONGEST_WAIT_SECONDS:
                wait = FIRST_WAIT_SECONDS
            await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311 — spreads the questions, keeps no secret
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    async def _ask(self) -> tuple[Sequence[Any], Address]:
        """What the first server that answers says of the slots; nothing when none does."""
        up = [address for address, line in self._lines.items() if line.is_up]
        random.shuffle(up)
        first, self._advisers = [*reversed(self._advisers)], {}
        silent: dict[str, str] = {}
        for address in dict.fromkeys([*first, *up, *self._seeds, *self._lines]):
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    return await ask(address, b"CLUSTER", b"SLOTS"), address
            except (OSError, TimeoutError, Refused) as error:
                silent[address.name] = str(error) or type(error).__name__
        log.warning("cluster_unread", why=silent)
        return [], self._seeds[0]

    def _arrange(self, answer: Sequence[Any], asked: Address) -> list[Line]:
        """Make the lines that the map wants, and return those that it wants no longer."""
        found: list[Line | None] = [None] * SLOTS
        lines: dict[Address, Line] = {}
        for slots, host, port in owners(answer, asked.host):
            address = replace(self._seeds[0], host=host, port=port)
            line = lines.get(address) or self._lines.get(address) or Line(address, SHARDED, self._owner)
            lines[address] = line
            found[slots.start : slots.stop] = [line] * len(slots)
        gone = [line for address, line in self._lines.items() if address not in lines]
        fresh = [line for address, line in lines.items() if address not in self._lines]
        self._lines, self._owners = lines, found
        self._doubted.clear()
        strays, self._strays, self._stray_bytes = self._strays, deque(), 0
        for name, payload in strays:
            self.say(name, payload)
        for line in fresh:
            line.begin()
        if fresh or gone:
            log.info("cluster_mapped", masters=[address.name for address in lines])
        self._owner.rearranged()
        return gone


class Answer:
    """Waits for the answer to one question."""

    def __init__(self) -> None:
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def answered(self, answers: list[object]) -> None:
        if not self.future.done():
            self.future.set_result(answers[0])

    def heard(self, messages: Messages) -> None:
        """Nothing is subscribed here."""

    def subscribed(self, name: bytes) -> None: ...

    def unsubscribed(self, name: bytes) -> None: ...


async def ask(address: Address, *words: bytes) -> Any:
    """One command on a connection of its own; raises OSError, TimeoutError or Refused. Wait for it with a timeout."""
    answer = Answer()
    link = await dial(address, answer)
    try:
        link.write(command(*words))
        lost = asyncio.ensure_future(link.lost.wait())
        await asyncio.wait([answer.future, lost], return_when=asyncio.FIRST_COMPLETED)
        lost.cancel()
        if not answer.future.done():
            raise ConnectionResetError("Redis hung up")
        if isinstance(found := answer.future.result(), hiredis.ReplyError):
            raise Refused(str(found))
        return found
    finally:
        link.abort()
