"""One server process among others: its hub, its bus, and the rooms behind them, in a few verbs. Knows no message."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Protocol

from server import clock, ids, metrics
from server.errors import Problem, Unavailable
from server.logging import named
from server.realtime import news, protocol
from server.realtime.bus import Bus, Heard
from server.realtime.effects import Joined
from server.realtime.gate import Torn
from server.realtime.hub import CHUNK, Channel, Hub, Listener
from server.realtime.protocol import Close
from server.realtime.recovery import Recovery
from server.realtime.seam import Identity, Position, Publication, Rooms
from server.realtime.session import Pace, Session
from server.realtime.wheel import Wheel

SOCKETS = 20_000  # one process holds at most so many; the next are sent away with 503 before the upgrade
PAGE = 500  # publications read at once
RECOVERY_PUBLICATIONS = 5_000  # in one answer; who missed more starts from the rows
RECOVERY_BYTES = 4_194_304
RECOVERIES = 64  # at once: each may hold RECOVERY_BYTES
READ_SECONDS = 10.0
GAP_GRACE_SECONDS = 0.03  # two servers' news may overtake each other by so much; then the gap is read
LONGEST_WAIT_SECONDS = 5.0
CHECK_SECONDS = 20.0  # a lost last publication of a channel is noticed after at most this
DEAF_CHECK_SECONDS = 2.0  # the same while the bus is down: the rows carry the conversation then
TOPS = 5_000  # channels in one query
CLOSE_SECONDS = 5.0

log = named(__name__)


class Guest(Listener, Protocol):
    """A client, as the node sees it."""

    turn: int

    @property
    def is_over(self) -> bool: ...

    @property
    def due(self) -> float: ...

    def tick(self, now: float) -> None: ...

    def cut(self, close: Close) -> None: ...


class Node:
    """Open it with the rooms, give it to the sockets, announce to it after each commit, drain and close it."""

    rooms: Rooms

    def __init__(
        self,
        url: str,
        *,
        pace: Pace | None = None,
        origins: Sequence[str] | None = None,
        bus: type[Bus] = Bus,
        chunk: int = CHUNK,
    ) -> None:
        """`origins` are the web pages that may open a socket, None for any; after `chunk` sends others have a turn."""
        self.hub = Hub(chunk)
        self.origins = origins
        self.is_draining = False
        self._bus = bus(url, self._hear, self._bus_changed)
        self._pace = pace or Pace()
        self._wheel: Wheel[Guest] = Wheel(clock.monotonic())
        self._guests: set[Guest] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._mending: set[Channel] = set()
        self._recoveries = asyncio.Semaphore(RECOVERIES)
        self._must_check = asyncio.Event()

    async def open(self, rooms: Rooms) -> None:
        """Begin to hear; a bus that does not answer makes the node unhealthy, not unusable."""
        self.rooms = rooms
        await self._bus.connect()
        self.spawn(self._turn())
        self.spawn(self._keep_checking())

    async def close(self) -> None:
        """Cut whoever is still here, end all work, hang up."""
        self.is_draining = True
        for guest in tuple(self._guests):
            guest.cut(protocol.SHUTDOWN)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
        await self._bus.disconnect()

    @property
    def healthy(self) -> bool:
        """Whether everything the other nodes say is heard."""
        return self._bus.is_up

    @property
    def is_full(self) -> bool:
        return self.is_draining or len(self._guests) >= SOCKETS

    def session(self) -> Session:
        """A new conversation."""
        return Session(str(ids.new()), self._pace, clock.monotonic(), random.random())  # noqa: S311 — spreads pings

    def admit(self, guest: Guest) -> None:
        self._guests.add(guest)
        self._wheel.put(guest, clock.monotonic() + self._pace.stale_seconds)
        metrics.sockets.inc()

    def dismiss(self, guest: Guest) -> None:
        if guest in self._guests:
            self._guests.discard(guest)
            self._wheel.remove(guest)
            metrics.sockets.dec()

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run it beside everything else; the node ends it when it closes."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (bug := task.exception()) is not None:
            log.error("task_failed", exc_info=bug)

    def announce(self, channel: str, epoch: str, publications: Sequence[Publication]) -> None:
        """Tell every node what was committed. Never waits; what finds no room is read from the rows later."""
        for payload in news.write(epoch, publications):
            self._bus.tell(channel, payload)
            if not self._bus.is_up:
                self._hear([(channel, payload)])  # those on this node need no bus; the gate drops the second copy

    async def join(
        self,
        listener: Guest,
        who: Identity,
        name: str,
        since: Position | None,
        *,
        welcome: Callable[[Joined], None],
    ) -> None:
        """Let somebody listen. `welcome` is called in the moment of it: what it writes precedes every publication.

        Listen first, wait for the confirmation, read second, merge by offset third: nothing falls in between.
        """
        channel = self.hub.enter(name)
        try:
            try:
                await self._bus.subscribe(name)
            except Unavailable:
                log.info("joined_deaf", channel=name)  # the check after the reconnect reads what is missed until then
            known = channel.gate.offset
            top = await self.rooms.join(who, name)
            self._compare(channel, top, known)
            missed = None
            if since is not None and top.epoch:
                async with self._recoveries:
                    missed = await self._recover(channel, since)
            if listener.is_over:
                return
            channel.seat(listener)
            position = channel.gate.position
            if missed is not None and since is not None:
                position = Position(position.epoch, since.offset)
            welcome(Joined(position, missed))
        finally:
            self._release(channel)

    def leave(self, listener: Listener, name: str) -> None:
        """Somebody listens no longer."""
        if self.hub.leave(listener, name):
            self._bus.forget(name)

    async def drain(self, seconds: float) -> None:
        """Send everybody to another node, evenly over this time; no new sockets meanwhile."""
        self.is_draining = True
        guests = tuple(self._guests)
        begun = clock.monotonic()
        for count, guest in enumerate(guests, 1):
            guest.cut(protocol.SHUTDOWN)
            ahead = begun + seconds * count / len(guests) - clock.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)

    def _hear(self, heard: Heard) -> None:
        """Everything one read from the bus brought: what is new in a channel leaves in one write."""
        ready: dict[Channel, list[Publication]] = {}
        for name, payload in heard:
            channel = self.hub.channels.get(name)
            if channel is None:
                continue
            try:
                epoch, publications = news.read(payload)
                if channel.is_overloaded:
                    channel.gate.rumour(epoch, publications[-1].offset)
                else:
                    ready.setdefault(channel, []).extend(channel.gate.offer(epoch, publications))
            except Torn:
                ready.pop(channel, None)
                self._tear(channel)
            except (ValueError, IndexError):
                log.warning("strange_news", channel=name)
        for channel, publications in ready.items():
            self._deliver(channel, publications)
            self._mend(channel)

    def _deliver(self, channel: Channel, publications: list[Publication]) -> None:
        if not publications:
            return
        metrics.deliveries.inc(len(publications) * len(channel))
        rest = channel.deliver(publications)
        if next(rest, self) is not self:
            self.hub.enter(channel.name)
            self.spawn(self._fan_out(channel, rest))

    async def _fan_out(self, channel: Channel, rest: Iterator[None]) -> None:
        """Go on with a large fan-out, and let the other sockets have their turn after every chunk of it."""
        try:
            await asyncio.sleep(0)
            for _ in rest:
                await asyncio.sleep(0)
        finally:
            self._release(channel)
        self._mend(channel)

    def _compare(self, channel: Channel, top: Position, known: int) -> None:
        """Take note of where a channel stands, read when the gate stood at `known`."""
        if channel.gate.is_open:
            try:
                channel.gate.notice(top, known)
            except Torn:
                self._tear(channel)
        if not channel.gate.is_open:
            channel.gate.open(top)
        self._mend(channel)

    def _tear(self, channel: Channel) -> None:
        """The stream is another one: everybody starts anew."""
        log.info("stream_changed", channel=channel.name)
        channel.gate.close()
        for listener in channel.listeners():
            self.leave(listener, channel.name)
            listener.expel(channel.name, protocol.INSUFFICIENT_STATE)

    def _release(self, channel: Channel) -> None:
        if self.hub.release(channel):
            self._bus.forget(channel.name)

    def _mend(self, channel: Channel) -> None:
        """See to it that a gap is read, by one reader at a time."""
        if channel.gate.is_behind and channel not in self._mending:
            self._mending.add(channel)
            self.hub.enter(channel.name)
            self.spawn(self._read_gap(channel))

    async def _read_gap(self, channel: Channel) -> None:
        wait = GAP_GRACE_SECONDS
        try:
            while True:
                await asyncio.sleep(wait)
                if not channel.gate.is_behind or channel.is_overloaded:
                    return  # the end of the fan-out comes back here
                try:
                    await self._read_page(channel)
                    wait = 0.0
                except (Problem, TimeoutError) as why:
                    wait = min(max(wait, GAP_GRACE_SECONDS) * 2, LONGEST_WAIT_SECONDS)
                    log.warning("gap_unread", channel=channel.name, why=str(why))
        finally:
            self._mending.discard(channel)
            self._release(channel)

    async def _read_page(self, channel: Channel) -> None:
        gate = channel.gate
        epoch, goal = gate.epoch, gate.seen
        async with asyncio.timeout(READ_SECONDS):
            rows = await self.rooms.since(channel.name, gate.offset, PAGE)
        if gate.epoch == epoch:
            metrics.gaps.inc()
            self._deliver(channel, gate.fill(rows, goal if len(rows) < PAGE else 0))

    async def _recover(self, channel: Channel, since: Position) -> list[Publication] | None:
        """Everything after `since`, up to where the gate stands when this returns; None where it cannot be had."""
        gate = channel.gate
        epoch = gate.epoch
        if since.epoch not in ("", epoch) or since.offset > gate.seen:
            return None
        recovery = Recovery(since.offset, min(since.offset, gate.offset))
        channel.recoveries.append(recovery)
        try:
            while len(recovery.rows) < RECOVERY_PUBLICATIONS and recovery.read_bytes < RECOVERY_BYTES:
                recovery.listen_anew()
                goal = gate.seen
                is_there = recovery.at >= goal
                rows = () if is_there else await self.rooms.since(channel.name, recovery.at, PAGE)
                if gate.epoch != epoch:
                    raise Unavailable("stream_changed")
                recovery.read(rows)
                if len(rows) < PAGE and not recovery.is_deaf:
                    self._deliver(channel, gate.fill(recovery.rows, goal))
                    return recovery.merged()
            return None
        finally:
            channel.recoveries.remove(recovery)

    def _bus_changed(self, is_up: bool) -> None:
        if is_up:
            self._must_check.set()

    async def _keep_checking(self) -> None:
        """Compare every channel with the rows: now and then, and at once when the bus is back."""
        while True:
            try:
                async with asyncio.timeout(CHECK_SECONDS if self.healthy else DEAF_CHECK_SECONDS):
                    await self._must_check.wait()
            except TimeoutError:
                pass
            self._must_check.clear()
            try:
                async with asyncio.timeout(READ_SECONDS):
                    await self._check()
            except (Problem, TimeoutError) as why:
                log.warning("tops_unread", why=str(why))
            except Exception:
                log.exception("check_failed")

    async def _check(self) -> None:
        known = {each.name: each.gate.offset for each in self.hub.channels.values() if each.gate.epoch}
        asked = list(known)
        for start in range(0, len(asked), TOPS):
            some = asked[start : start + TOPS]
            tops = await self.rooms.tops(some)
            for name in some:
                channel = self.hub.channels.get(name)
                if channel is None or not channel.gate.is_open:
                    continue
                if top := tops.get(name):
                    self._compare(channel, top, known[name])
                else:
                    self._tear(channel)

    async def _turn(self) -> None:
        """Give every guest its tick when it is due."""
        while True:
            before = clock.monotonic()
            await asyncio.sleep(1)
            now = clock.monotonic()
            if now - before > 3:  # this process stood still: read what came meanwhile before judging who is silent
                continue
            for guest in self._wheel.advance(now):
                try:
                    guest.tick(now)
                except Exception:
                    log.exception("tick_failed")
                if not guest.is_over:
                    self._wheel.put(guest, guest.due)
