"""What makes every channel complete on this node: gaps are read, the missed is merged, tops are compared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from server import metrics
from server.errors import Problem, Unavailable
from server.logging import named
from server.realtime.gate import Torn
from server.realtime.hub import Channel, Hub
from server.realtime.recovery import Recovery
from server.realtime.seam import Forgotten, News, Position, Publication, Rooms

PAGE = 500  # publications read at once
READ_SECONDS = 10.0
READS = 64  # recoveries that hold a page at once
GAP_GRACE_SECONDS = 0.03  # two servers' news may overtake each other by so much; then the gap is read
LONGEST_WAIT_SECONDS = 5.0
TOPS = 5_000  # channels in one query

log = named(__name__)


class Streams:
    """Needs the rooms to read from, and somebody who delivers, spawns, and tells listeners that a stream is torn."""

    def __init__(
        self,
        hub: Hub,
        *,
        deliver: Callable[[Channel, list[News]], None],
        spawn: Callable[[Coroutine[object, object, None]], None],
        tear: Callable[[Channel], None],
        release: Callable[[Channel], None],
    ) -> None:
        self.rooms: Rooms
        self._hub = hub
        self._deliver = deliver
        self._spawn = spawn
        self._tear = tear
        self._release = release
        self._mending: set[Channel] = set()
        self._reads = asyncio.Semaphore(READS)

    def compare(self, channel: Channel, top: Position, known: int) -> None:
        """Take note of where a channel stands, read when the gate stood at `known`."""
        if channel.gate.is_open:
            try:
                channel.gate.notice(top, known)
            except Torn:
                self._tear(channel)
        if not channel.gate.is_open:
            channel.gate.open(top)
        self.mend(channel)

    def mend(self, channel: Channel) -> None:
        """See to it that a gap is read, by one reader at a time."""
        if channel.gate.is_behind and channel not in self._mending:
            self._mending.add(channel)
            self._hub.enter(channel.name)
            self._spawn(self._read_gap(channel))

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
        try:
            async with asyncio.timeout(READ_SECONDS):
                rows = await self.rooms.since(channel.name, gate.offset, PAGE)
        except Forgotten:
            if gate.epoch == epoch:
                self._tear(channel)  # nobody here can be told what is missing
            return
        if gate.epoch == epoch:
            metrics.gaps.inc()
            self._deliver(channel, gate.fill(rows, goal if len(rows) < PAGE else 0))

    def begin(self, channel: Channel, since: Position) -> Recovery | None:
        """Collect what somebody missed, until `end`; None where the position is made up or of another life."""
        if since.epoch not in ("", channel.gate.epoch) or since.offset > channel.gate.seen:
            return None
        recovery = Recovery(since.offset)
        channel.recoveries.append(recovery)
        return recovery

    def end(self, channel: Channel, recovery: Recovery) -> None:
        channel.recoveries.remove(recovery)

    async def read_on(self, channel: Channel, recovery: Recovery) -> bool:
        """Read one page; returns whether nothing is missing any more, up to where the gate stands in this moment.

        Raises Forgotten where a part of it went while the rest was read.
        """
        gate = channel.gate
        epoch = gate.epoch
        recovery.listen_anew()
        async with self._reads, asyncio.timeout(READ_SECONDS):
            rows: Sequence[Publication] = ()
            if recovery.at < gate.seen:
                rows = await self.rooms.since(channel.name, recovery.at, PAGE)
            recovery.read(rows)
            if len(rows) == PAGE or recovery.is_deaf:
                return False
            if gate.offset < recovery.at and gate.epoch == epoch:
                await self._read_page(channel)
        if gate.epoch != epoch:
            raise Unavailable("stream_changed")
        return gate.offset >= recovery.at and not recovery.is_deaf

    async def check(self) -> None:
        """Compare every channel with the rows."""
        known = {each.name: each.gate.offset for each in self._hub.channels.values() if each.gate.epoch}
        asked = list(known)
        for start in range(0, len(asked), TOPS):
            some = asked[start : start + TOPS]
            async with asyncio.timeout(READ_SECONDS):
                tops = await self.rooms.tops(some)
            for name in some:
                channel = self._hub.channels.get(name)
                if channel is None or not channel.gate.is_open:
                    continue
                if top := tops.get(name):
                    self.compare(channel, top, known[name])
                else:
                    self._tear(channel)
