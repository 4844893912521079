"""What this process has taken from the stream: it is kept under a lease, and what became of it is written there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from redis.exceptions import ResponseError
from taskiq import AckableMessage

from server import clock
from server.logging import named
from server.stream import DATA, GROUP, SET_ASIDE, STREAM, Stream
from server.valkey import FAILURES
from workers.verdict import CUT, Again, Aside, Done, Verdict

# All workers are one consumer: the lease alone tells who lives, and no name stays behind when its process is gone.
CONSUMER = "worker"
SET_ASIDE_LIMIT = 1000  # when full the oldest is forgotten; each was logged when it came
UNWRITTEN_LIMIT = 1000  # ended tasks that Redis was not told of; when full, no more are taken
GATHER_SECONDS = 0.005  # what ends meanwhile is written with it; the hand is free at once
BEATS = 4  # in the time of a lease
ANSWER_SECONDS = 2.0
AWAY_SECONDS = 1.0

log = named("worker")


class Delivery(AckableMessage):
    """One entry of the stream in this process's hands. `count` is how often it was delivered, this time included."""

    entry: bytes
    count: int
    began: float = 0.0
    verdict: Verdict | None = None


class Ledger:
    """Call `hold` for whatever was taken and `settle` when it ended; `keep` runs beside them."""

    def __init__(self, stream: Stream, lease_seconds: float) -> None:
        self._stream = stream
        self._lease_seconds = lease_seconds
        self._held: dict[bytes, Delivery] = {}
        self._ended: dict[bytes, Delivery] = {}
        self._wake = asyncio.Event()
        self._beat_at = 0.0
        self._is_away = False
        self._is_closing = False

    @property
    def at_work(self) -> int:
        """How many have not ended."""
        return len(self._held) - len(self._ended)

    @property
    def is_full(self) -> bool:
        """Whether too much waits to be written."""
        return len(self._ended) >= UNWRITTEN_LIMIT

    def has_suspect(self, count: int) -> bool:
        """Whether something is at work that was delivered so often."""
        return any(each.count >= count for entry, each in self._held.items() if entry not in self._ended)

    def holds(self, entry: bytes) -> bool:
        """Whether it is in our hands; so it is when we slept past our own lease."""
        return entry in self._held

    def hold(self, delivery: Delivery) -> None:
        """It is ours; the entry's own lease began when it was delivered."""
        self._held[delivery.entry] = delivery

    def settle(self, delivery: Delivery, verdict: Verdict) -> None:
        """It ended so; Redis is told soon, and until it has heard."""
        delivery.verdict = verdict
        if delivery.entry in self._held:
            self._ended[delivery.entry] = delivery
            self._wake.set()

    async def keep(self) -> None:
        """Write what ended, and renew the lease of what has not, until told to stop."""
        while not self._is_closing:
            await self._until_due()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._write()
                self._is_away = False
            except FAILURES as error:
                if not self._is_away:
                    log.warning("tasks_not_settled", why=repr(error), remedy="they are, when Redis answers again")
                self._is_away = True
                self._beat_at = 0.0  # first of all, when Redis is back: before others take what lives
                await asyncio.sleep(AWAY_SECONDS)

    def stop(self) -> None:
        """Have `keep` return."""
        self._is_closing = True
        self._wake.set()

    async def close(self) -> None:
        """Give back what has not ended, for others to take at once; without Redis, when its lease is over."""
        for delivery in [each for entry, each in self._held.items() if entry not in self._ended]:
            self.settle(delivery, CUT)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._write()
        except FAILURES as error:
            log.warning("tasks_not_given_back", tasks=len(self._held), why=repr(error))

    async def _until_due(self) -> None:
        """Something ended, or a beat is due and there is something to renew."""
        try:
            async with asyncio.timeout(max(0.0, self._beat_at - clock.monotonic())):
                await self._wake.wait()
        except TimeoutError:
            return
        await asyncio.sleep(GATHER_SECONDS)

    async def _write(self) -> None:
        """All of it in one transaction: no entry is deleted that was not acknowledged, or the other way round."""
        self._wake.clear()
        ended = list(self._ended.values())
        pipe = self._stream.client.pipeline(transaction=True)
        self._acknowledge(pipe, [each.entry for each in ended if not isinstance(each.verdict, Again)])
        for each in ended:
            self._dispose(pipe, each)
        now = clock.monotonic()
        if now >= self._beat_at:
            self._beat_at = now + self._lease_seconds / BEATS
            if kept := [entry for entry in self._held if entry not in self._ended]:
                pipe.xclaim(STREAM, GROUP, CONSUMER, 0, kept, justid=True)
        if len(pipe):
            self._complain(await pipe.execute(raise_on_error=False))
        for each in ended:
            del self._held[each.entry], self._ended[each.entry]
            if isinstance(each.verdict, Aside):
                log.error("task_set_aside", task=each.data.decode(errors="replace"), why=each.verdict.why)

    def _acknowledge(self, pipe: Any, entries: list[bytes]) -> None:
        if entries:
            pipe.xack(STREAM, GROUP, *entries)
            pipe.xdel(STREAM, *entries)

    def _dispose(self, pipe: Any, ended: Delivery) -> None:
        match ended.verdict:
            case Again(seconds, is_counted):
                idle = max(0.0, self._lease_seconds - seconds)
                count = ended.count if is_counted else ended.count - 1
                pipe.xclaim(
                    STREAM, GROUP, CONSUMER, 0, [ended.entry], idle=int(idle * 1000), retrycount=count, justid=True
                )
            case Aside(why):
                letter = {DATA: ended.data, b"count": ended.count, b"why": why}
                pipe.xadd(SET_ASIDE, letter, maxlen=SET_ASIDE_LIMIT, approximate=False)
            case Done() | None:
                return

    def _complain(self, answers: list[object]) -> None:
        """Of one command that Redis refused, the others were carried out; what it was about is delivered again."""
        for error in _errors(answers):
            if not str(error).startswith("NOGROUP"):  # Redis was emptied, and forgot what we hold
                log.error("tasks_not_settled", why=str(error))


def _errors(answers: list[object]) -> Iterator[ResponseError]:
    return (answer for answer in answers if isinstance(answer, ResponseError))
