"""Takes tasks from the stream as there are hands free, and those that a dead worker held. Carries none out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from redis.exceptions import ResponseError
from taskiq import AsyncBroker
from typing_extensions import override

from server import clock
from server.logging import named
from server.stream import DATA, GROUP, STREAM, Stream
from server.valkey import FAILURES
from workers.ledger import CONSUMER, Delivery, Ledger
from workers.verdict import DELIVERIES, Aside, Verdict

LEASE_SECONDS = 10.0  # a task whose worker said nothing for so long is another's; four beats fit in
BLOCK_SECONDS = 1.0  # of one read: a worker that is told to stop waits for its end, and loses no answer
ANSWER_SECONDS = 2.0
GATHER_SECONDS = 0.001  # while more wait than are taken, hands come free meanwhile: fewer reads, of more
LOOK_SECONDS = 1.0  # between two looks for what dead workers held
AWAY_SECONDS = 1.0
IDLE_SEEN = 100  # in one look
SUSPECT = 3  # the delivery of this number finds a task that did not end well twice
SUSPECT_SECONDS = 0.05  # to the next look while there are more of them
FOUND_SECONDS = 0.02  # before a group is made: never in a tight circle, whatever Redis says of it
GROUP_IS_GONE = ("NOGROUP", "UNBLOCKED")
REMEDY = "start Redis or Valkey, or correct REDIS_URL; the scheduler's sweeps do the work meanwhile"
KILLER = f"delivered {DELIVERIES} times, and its worker never said how it ended"

log = named("worker")


class Intake(Stream):
    """A broker that holds no more than it has hands for. `settle` whatever `listen` brought."""

    def __init__(self, url: str, *, at_once: int, lease_seconds: float = LEASE_SECONDS) -> None:
        super().__init__(url, retries=0)
        self._at_once = at_once
        self._lease_seconds = lease_seconds
        self._ledger = Ledger(self, lease_seconds)
        self._ready: asyncio.Queue[Delivery] = asyncio.Queue()  # never more than `at_once`
        self._freed = asyncio.Event()
        self._leaving = asyncio.Event()
        self._look_at = 0.0
        self._is_away = False
        self._is_crowded = False
        self._reader: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None

    @override
    async def startup(self) -> None:
        """Begin to read; Redis may come later."""
        await AsyncBroker.startup(self)
        self._keeper = asyncio.create_task(self._ledger.keep(), name="task ledger")
        self._reader = asyncio.create_task(self._read(), name="task intake")

    @override
    async def shutdown(self) -> None:
        """Give back what has not ended, and let go of Redis; takes a few seconds at most."""
        self.stop_taking()
        await _ended(self._reader, BLOCK_SECONDS + ANSWER_SECONDS)
        self._ledger.stop()
        await _ended(self._keeper, ANSWER_SECONDS)
        await self._ledger.close()
        await super().shutdown()

    @override
    async def listen(self) -> AsyncGenerator[Delivery, None]:
        """Each task that was taken, for ever."""
        while True:
            yield await self._ready.get()

    def settle(self, delivery: Delivery, verdict: Verdict) -> None:
        """It ended so, and a hand is free."""
        self._ledger.settle(delivery, verdict)
        self._freed.set()

    def stop_taking(self) -> None:
        """Take no more; what is held goes on."""
        self._leaving.set()
        self._freed.set()

    async def _read(self) -> None:
        while not self._leaving.is_set():
            try:
                await self._round()
                if self._is_away:
                    log.info("tasks_heard_again")
                    self._let_renew()
                self._is_away = False
            except FAILURES as error:
                if isinstance(error, ResponseError) and str(error).startswith(GROUP_IS_GONE):
                    await self._found()
                else:
                    await self._miss(str(error) or repr(error))
            except Exception:
                log.exception("tasks_not_read")
                await _until(self._leaving, AWAY_SECONDS)

    async def _round(self) -> None:
        """One look or one read, for as many as there are hands."""
        self._freed.clear()
        if self._is_crowded:
            await asyncio.sleep(GATHER_SECONDS)
        room = self._at_once - self._ledger.at_work
        if room <= 0 or self._ledger.is_full:
            await _until(self._freed, LOOK_SECONDS)
        elif clock.monotonic() >= self._look_at:
            async with asyncio.timeout(ANSWER_SECONDS):
                is_all = await self._take_over(room)
            pause = min(LOOK_SECONDS, self._lease_seconds / 4) if is_all else SUSPECT_SECONDS
            self._look_at = clock.monotonic() + pause
        else:
            async with asyncio.timeout(BLOCK_SECONDS + ANSWER_SECONDS):
                await self._take_new(room)

    async def _take_new(self, room: int) -> None:
        block = max(1, int(min(BLOCK_SECONDS, self._look_at - clock.monotonic()) * 1000))
        found = await self.client.xreadgroup(GROUP, CONSUMER, {STREAM: ">"}, count=room, block=block)
        entries = found[0][1] if found else ()
        self._is_crowded = len(entries) == room
        for entry, fields in entries:
            self._take(entry, fields, 1)

    async def _take_over(self, room: int) -> bool:
        """What nobody renewed for the time of a lease; returns whether that was all there is.

        Of two workers who see it one gets it, for the claim renews it. What was begun twice before may be what killed
        its worker: of such a worker takes one at a time, or the innocent beside it would be set aside with it.
        """
        lease = int(self._lease_seconds * 1000)
        idle = await self.client.xpending_range(STREAM, GROUP, "-", "+", IDLE_SEEN, idle=lease)
        counts = {each["message_id"]: each["times_delivered"] + 1 for each in idle}
        wanted = [entry for entry, count in counts.items() if count < SUSPECT]
        suspects = [entry for entry, count in counts.items() if count >= SUSPECT]
        if not self._ledger.has_suspect(SUSPECT):
            wanted = suspects[:1] + wanted
        if wanted := wanted[:room]:
            for entry, fields in await self.client.xclaim(STREAM, GROUP, CONSUMER, lease, wanted):
                self._take(entry, fields, counts[entry])
        return len(wanted) == len(counts)

    def _take(self, entry: bytes, fields: dict[bytes, bytes], count: int) -> None:
        if self._ledger.holds(entry):
            return  # we slept past our own lease, and the claim has renewed it
        delivery = Delivery(data=fields.get(DATA, b""), ack=_unused, entry=entry, count=count)
        self._ledger.hold(delivery)
        if count > DELIVERIES:
            self.settle(delivery, Aside(KILLER))
        else:
            self._ready.put_nowait(delivery)

    async def _found(self) -> None:
        """Make the group, at the first start and after Redis was emptied. It begins at 0: nothing is skipped."""
        await _until(self._leaving, FOUND_SECONDS)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self.client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except FAILURES as error:
            if not str(error).startswith("BUSYGROUP"):  # another worker was first
                await self._miss(str(error) or repr(error))

    async def _miss(self, why: str) -> None:
        """Redis does not answer: what is at work goes on."""
        if not self._is_away:
            log.warning("tasks_not_heard", why=why, remedy=REMEDY)
        self._is_away = True
        await _until(self._leaving, AWAY_SECONDS)
        self._let_renew()

    def _let_renew(self) -> None:
        """After an absence every lease looks old: whoever lives has renewed its own before any is taken."""
        self._look_at = clock.monotonic() + self._lease_seconds / 2


async def _until(event: asyncio.Event, seconds: float) -> None:
    """It happened, or so long went by."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


async def _ended(task: asyncio.Task[None] | None, patience_seconds: float) -> None:
    """It ends by itself, or is cut."""
    if task is not None:
        await asyncio.wait([task], timeout=patience_seconds)
        task.cancel()
        await asyncio.wait([task], timeout=patience_seconds)


def _unused() -> None:
    """Taskiq's own word for the end of a task says nothing of how it ended; `settle` does."""
