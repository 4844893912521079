"""One server process among others: its hub, its bus, and the rooms behind them, in a few verbs. Knows no message."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from server import clock, ids, metrics
from server.errors import Invalid, Problem, Unavailable
from server.logging import named
from server.realtime import news, protocol
from server.realtime.bus import Bus, Heard
from server.realtime.commands import Commands
from server.realtime.effects import Join, Joined
from server.realtime.gate import Torn
from server.realtime.guests import Guest, Guests, Limits
from server.realtime.hub import CHUNK, Channel, Hub
from server.realtime.presence import Presence
from server.realtime.protocol import ClientInfo, Unsubscribe
from server.realtime.recovery import Recovery
from server.realtime.seam import Entry, Forgotten, Identity, News, Position, Rooms
from server.realtime.session import Pace, Session
from server.realtime.streams import Streams
from server.realtime.teller import Teller

FIRST_PUBLICATIONS = 1_000  # of what was missed, in the answer itself; the rest follows as the client can take it
FIRST_BYTES = 524_288
CHECK_SECONDS = 20.0  # a lost last publication of a channel is noticed after at most this
DEAF_CHECK_SECONDS = 2.0  # the same while the bus is down: the rows carry the conversation then
REVIEW_SECONDS = 60.0  # a lost word about who may still listen is noticed after at most this
REVIEWS = 2_000  # listeners in one question
CLOSE_SECONDS = 5.0

_dice = random.Random()  # noqa: S311 — spreads pings, keeps no secret
log = named(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody on the way into a channel, and whom to tell when they are in."""

    guest: Guest
    channel: Channel
    ask: Join
    entry: Entry
    welcome: Callable[[Joined], None]


class Node(Teller):
    """Open it with the rooms, give it to the sockets, announce to it after each commit, drain and close it."""

    rooms: Rooms

    def __init__(
        self,
        url: str,
        *,
        pace: Pace | None = None,
        limits: Limits | None = None,
        origins: frozenset[str] | None = None,
        bus: type[Bus] = Bus,
        presence: type[Presence] = Presence,
        chunk: int = CHUNK,
        first: int = FIRST_PUBLICATIONS,
    ) -> None:
        """`origins`: web pages that may open a socket beside our own, None for any; `chunk` sends are one turn."""
        super().__init__(self._tell)
        self.hub = Hub(chunk)
        self.origins = origins
        self.is_draining = False
        self._first = first
        self._bus = bus(url, self._hear, self._bus_changed)
        self._pace = pace or Pace()
        self.guests = Guests(limits or Limits(), self._pace.stale_seconds)
        self._presence = presence(url, self._tell)
        self._streams = Streams(
            self.hub, deliver=self._deliver, spawn=self.spawn, tear=self._tear, release=self._release
        )
        self.commands = Commands()
        self._tasks: set[asyncio.Task[None]] = set()
        self._feeding: dict[tuple[Guest, str], Recovery] = {}
        self._must_check = asyncio.Event()

    async def open(self, rooms: Rooms) -> None:
        """Begin to hear; a bus that does not answer makes the node unhealthy, not unusable."""
        self.rooms = self._streams.rooms = rooms
        metrics.sockets.set_function(self.guests.__len__)
        await self._bus.connect()
        self.spawn(self.commands.keep_watching())
        self.spawn(self.guests.keep_looking())
        self.spawn(self.guests.keep_expelling(self._expelled))
        self.spawn(self._presence.keep())
        self.spawn(self._keep_checking())

    async def close(self) -> None:
        """Cut whoever is still here, end all work, hang up."""
        self.is_draining = True
        for guest in self.guests.everybody():
            guest.cut(protocol.SHUTDOWN)
        for task in self._tasks:
            task.cancel()
        if ending := self._tasks | self.commands.cancel():
            await asyncio.wait(ending, timeout=CLOSE_SECONDS)
        await self._presence.close()
        await self._bus.disconnect()

    async def drain(self, seconds: float) -> None:
        """Send everybody to another node, evenly over this time; no new sockets meanwhile."""
        self.is_draining = True
        await self.guests.leave_slowly(seconds)

    @property
    def healthy(self) -> bool:
        """Whether everything the other nodes say is heard."""
        return self._bus.is_up

    @property
    def is_full(self) -> bool:
        return self.is_draining or self.guests.are_many

    def session(self) -> Session:
        """A new conversation."""
        return Session(str(ids.new()), self._pace, clock.monotonic(), _dice.random())

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run it beside everything else; the node ends it when it closes."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (bug := task.exception()) is not None:
            log.error("task_failed", exc_info=bug)

    def _tell(self, channel: str, payload: bytes) -> None:
        self._bus.tell(channel, payload)
        if not self._bus.is_up:
            self._hear([(channel, payload)])  # those on this node need no bus; the gate drops the second copy

    async def join(self, guest: Guest, who: Identity, ask: Join, *, welcome: Callable[[Joined], None]) -> None:
        """Let somebody listen. `welcome` is called in the moment of it: what it writes precedes every publication.

        Listen first, wait for the confirmation, read second, merge by offset third: nothing falls in between.
        """
        channel = self.hub.enter(ask.channel)
        try:
            try:
                await self._bus.subscribe(ask.channel)
            except Unavailable:
                log.info("joined_deaf", channel=ask.channel)  # the check after the reconnect reads what is missed
            known, reviews = channel.gate.offset, channel.reviews
            entry = await self.rooms.join(who, ask.channel, ask.token)
            self._streams.compare(channel, entry.position, known)
            arrival = Arrival(guest, channel, ask, entry, welcome)
            recovery = None
            if ask.since is not None and entry.position.epoch and ask.since.offset >= entry.forgotten:
                recovery = self._streams.begin(channel, ask.since)
            if recovery is None:
                self._seat(arrival, Joined(entry, channel.gate.position))
            else:
                await self._recover(arrival, recovery)
            if channel.reviews != reviews:  # who may listen was asked when this one was not here yet
                self.spawn(self._review([channel]))
        finally:
            self._release(channel)

    def _seat(self, arrival: Arrival, joined: Joined) -> None:
        guest, channel, entry = arrival.guest, arrival.channel, arrival.entry
        if guest.is_over:
            return
        wants_motions = entry.with_motions or (arrival.ask.wants_motions and entry.with_presence)
        channel.seat(guest, wants_motions=wants_motions)
        arrival.welcome(joined)
        if entry.with_presence and guest.who is not None and channel.name in guest.channels:
            self._presence.arrive(channel.name, guest.id, guest.who)

    async def _recover(self, arrival: Arrival, recovery: Recovery) -> None:
        guest, channel = arrival.guest, arrival.channel
        begin = Position(channel.gate.epoch or "", recovery.at)
        is_fed = False
        try:
            while not await self._streams.read_on(channel, recovery):
                count, size = recovery.waiting
                if not guest.is_over and (count >= self._first or size >= FIRST_BYTES):
                    is_fed = True
                    self._feeding[guest, channel.name] = recovery
                    self.hub.enter(channel.name)
                    self.spawn(self._feed(arrival, recovery))
                    arrival.welcome(Joined(arrival.entry, begin, recovery.take()))
                    return
            self._seat(arrival, Joined(arrival.entry, begin, recovery.take_rest()))
        except Forgotten:
            self._seat(arrival, Joined(arrival.entry, channel.gate.position))
        finally:
            if not is_fed:
                self._streams.end(channel, recovery)

    async def _feed(self, arrival: Arrival, recovery: Recovery) -> None:
        """Go on with what was missed, page by page as the socket takes it, and let them listen at its end."""
        guest, channel = arrival.guest, arrival.channel
        place = (guest, channel.name)
        try:
            while self._feeding.get(place) is recovery and not guest.is_over:
                await guest.ready()
                is_whole = await self._streams.read_on(channel, recovery)
                if self._feeding.get(place) is not recovery or guest.is_over:
                    return
                if missed := recovery.take_rest() if is_whole else recovery.take():
                    guest.write(guest.codec.publish(channel.name, missed))
                if is_whole:
                    welcomed = replace(arrival, welcome=_say_nothing)  # that was when the feeding began
                    self._seat(welcomed, Joined(arrival.entry, channel.gate.position))
                    return
        except (Problem, TimeoutError) as why:
            log.warning("recovery_broken_off", channel=channel.name, why=str(why))
            self.expel(guest, channel.name, protocol.INSUFFICIENT_STATE)
        finally:
            if self._feeding.get(place) is recovery:
                del self._feeding[place]
            self._streams.end(channel, recovery)
            self._release(channel)

    def leave(self, guest: Guest, name: str) -> None:
        """Somebody listens no longer."""
        self._feeding.pop((guest, name), None)
        self._presence.depart(name, guest.id)
        if self.hub.leave(guest, name):
            self._bus.forget(name)

    def expel(self, guest: Guest, name: str, why: Unsubscribe) -> None:
        """Somebody may listen no longer, or has to begin anew."""
        self.leave(guest, name)
        guest.expel(name, why)

    async def present(self, who: Identity, name: str) -> Mapping[str, ClientInfo]:
        """Who listens to a channel on any node, by connection; raises what `Rooms.join` raises, and Unavailable."""
        entry = await self.rooms.look(who, name)
        if not entry.with_presence:
            raise Invalid("presence_not_kept")
        return await self._presence.of(name)

    def _hear(self, heard: Heard) -> None:
        """Everything one read from the bus brought: what is new in a channel leaves in one write."""
        ready: dict[Channel, list[News]] = {}
        for name, payload in heard:
            channel = self.hub.channels.get(name)
            if channel is None:
                continue
            if payload == news.REVIEW:
                channel.reviews += 1
                self.spawn(self._review([channel]))
                continue
            try:
                epoch, told = news.read(payload)
                if channel.is_overloaded:
                    channel.gate.rumour(epoch, max(each.offset for each in told))
                else:
                    ready.setdefault(channel, []).extend(channel.gate.offer(epoch, told))
            except Torn:
                ready.pop(channel, None)
                self._tear(channel)
            except (ValueError, IndexError):
                log.warning("strange_news", channel=name)
        for channel, passed in ready.items():
            self._deliver(channel, passed)
            self._streams.mend(channel)

    def _deliver(self, channel: Channel, passed: list[News]) -> None:
        if not passed:
            return
        metrics.deliveries.inc(len(passed) * len(channel))
        rest = channel.deliver(passed)
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
        self._streams.mend(channel)

    def _tear(self, channel: Channel) -> None:
        """The stream is another one: everybody starts anew."""
        log.info("stream_changed", channel=channel.name)
        channel.gate.close()
        for guest in self._listeners(channel):
            self.expel(guest, channel.name, protocol.INSUFFICIENT_STATE)

    def _release(self, channel: Channel) -> None:
        if self.hub.release(channel):
            self._bus.forget(channel.name)

    def _bus_changed(self, is_up: bool) -> None:
        if is_up:
            self._must_check.set()

    async def _keep_checking(self) -> None:
        """Compare every channel with the rows: now and then, and at once when the bus is back."""
        reviewed_at = clock.monotonic()
        while True:
            try:
                async with asyncio.timeout(CHECK_SECONDS if self.healthy else DEAF_CHECK_SECONDS):
                    await self._must_check.wait()
                reviewed_at = float("-inf")  # who may listen may have changed while nothing was heard
            except TimeoutError:
                pass
            self._must_check.clear()
            try:
                await self._streams.check()
            except (Problem, TimeoutError) as why:
                log.warning("tops_unread", why=str(why))
            except Exception:
                log.exception("check_failed")
            if clock.monotonic() - reviewed_at >= REVIEW_SECONDS:
                reviewed_at = clock.monotonic()
                await self._review(list(self.hub.channels.values()))

    async def _expelled(self, people: Sequence[Identity]) -> Sequence[Identity]:
        unwanted = await self.rooms.expelled(people)
        if changed := self.rooms.changed(people):
            self.spawn(self._review(list(self.hub.channels.values()), {id(who) for who in changed}))
        return unwanted

    async def _review(self, channels: Sequence[Channel], people: Collection[int] | None = None) -> None:
        """Ask the rooms who may still listen, of all or of these people alone, and expel who may not."""
        seats = [
            (guest, channel.name, guest.who)
            for channel in channels
            for guest in self._listeners(channel)
            if guest.who is not None and not guest.is_granted(channel.name)
            if people is None or id(guest.who) in people
        ]
        for start in range(0, len(seats), REVIEWS):
            some = seats[start : start + REVIEWS]
            try:
                unwelcome = await self.rooms.unwelcome([(name, who) for _, name, who in some])
            except (Problem, TimeoutError) as why:
                log.warning("reviews_unread", why=str(why))
                return
            for guest, name, who in some:
                if (name, who.user) in unwelcome and not guest.is_over:
                    self.expel(guest, name, protocol.EXPELLED)

    def _listeners(self, channel: Channel) -> list[Guest]:
        fed = [guest for guest, name in self._feeding if name == channel.name]
        return [*cast(list[Guest], channel.listeners()), *fed]  # only guests are ever seated


def _say_nothing(_joined: Joined) -> None:
    pass
