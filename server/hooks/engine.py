"""Makes events of rows, and brings them to their endpoints: at least once, in the order of each thread."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from server import clock, metrics
from server.chat.constants import Happening
from server.database import Database
from server.errors import Unavailable
from server.hooks import statements
from server.hooks.answers import Answers
from server.hooks.client import Client, Notice, Outcome
from server.hooks.constants import (
    AT_ONCE,
    AT_ONCE_EACH,
    AT_ONCE_UNPROVEN,
    CALL_SECONDS,
    ENDPOINTS_LIMIT,
    IN_TIME_SECONDS,
    LEASE_SECONDS,
    LOG_LIMIT,
    UNPROVEN_AT_ONCE,
)
from server.hooks.schedule import Patience
from server.hooks.service import note
from server.logging import named

THREADS = 500
POSTS = 200  # of one thread in one statement
ROUNDS = 200  # of one sweep; the next one goes on
LATEST = timedelta(seconds=60)  # no post is committed longer than this after its transaction began
LOOK_SECONDS = 0.2  # for work, while other requests are still under way
GATHER_SECONDS = 0.01  # what ends meanwhile is followed up by one claim
RUN_SECONDS = 5.0  # of claiming at a stretch; a process that is to end waits for no more than this
CLOSE_SECONDS = CALL_SECONDS + 2.0
TIDY_SECONDS = 60.0
EXPIRED_AT_ONCE = 5000

log = named("hooks")


@dataclass(slots=True)
class Collector:
    """Posts are found along their numbers, changes in their own table; each becomes an event exactly once."""

    database: Database
    retention_days: float
    tidied_at: float = float("-inf")

    async def sweep(self) -> int:
        """Make events of whatever is new; returns how many deliveries now wait. Any number of processes may do it."""
        async with self.database.connection() as connection:
            since = await connection.fetchrow(statements.SINCE)
            assert since is not None
            if since["first"] is None:
                for statement in statements.FORGET:
                    await connection.execute(statement)
                return 0
            floor = max(since["looked_at"] or since["first"], since["first"]) - LATEST
            waiting = 0
            for _ in range(ROUNDS):
                row = await connection.fetchrow(statements.COLLECT, floor, THREADS, POSTS, since["first"] - LATEST)
                assert row is not None
                waiting += row["waiting"]
                if row["places"] == 0:  # nothing is left, neither for us nor for one who collects at the same time
                    await connection.execute(statements.LOOKED, since["now"])
                    break
            await self._tidy(connection)
            return waiting

    async def _tidy(self, connection: Any) -> None:
        if clock.monotonic() - self.tidied_at < TIDY_SECONDS:
            return
        self.tidied_at = clock.monotonic()
        await connection.execute(statements.TRIM, LOG_LIMIT)
        await connection.execute(statements.EXPIRE, self.retention_days, EXPIRED_AT_ONCE)


@dataclass(slots=True)
class Courier:
    """Claims what is due, fairly, and sends it. Between the claim and the record no transaction is open."""

    database: Database
    client: Client
    patience: Patience
    answers: Answers
    tell: Callable[[UUID, str], None]  # of an endpoint that was suspended, and why
    chance: random.Random = field(default_factory=random.Random)
    _under_way: Counter[UUID] = field(default_factory=Counter)
    _proven: dict[UUID, None] = field(default_factory=dict)  # endpoints that took the last event, and in time
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _freed: asyncio.Event = field(default_factory=asyncio.Event)
    _is_running: bool = False

    async def run(self) -> int:
        """Send until nothing is due, or for a while; returns how many left. One run at a time in a process.

        Requests that hang are under way still when it returns: the next run goes on beside them.
        """
        if self._is_running:
            return 0
        self._is_running = True
        try:
            return await self._run()
        finally:
            self._is_running = False

    async def close(self) -> None:
        """Wait for the requests under way; whatever is left is taken up again when its lease ends."""
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
            for task in left:
                task.cancel()

    async def _run(self) -> int:
        ends_at = clock.monotonic() + RUN_SECONDS
        sent = 0
        while clock.monotonic() < ends_at:
            claims = await self._claim()
            for claim in claims:
                self._under_way[claim["endpoint_id"]] += 1
                task = asyncio.create_task(self._carry(claim))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            sent += len(claims)
            if not claims and not self._tasks:
                break
            if not claims:
                await self._until_freed()
            await asyncio.sleep(GATHER_SECONDS)
        return sent

    async def _until_freed(self) -> None:
        self._freed.clear()
        try:
            await asyncio.wait_for(self._freed.wait(), LOOK_SECONDS)
        except TimeoutError:
            return

    async def _claim(self) -> list[Any]:
        free = AT_ONCE - self._under_way.total()
        if free <= 0:
            return []
        busy = dict(self._under_way)
        unproven = sum(count for endpoint, count in busy.items() if endpoint not in self._proven)
        values = (AT_ONCE_EACH, list(busy), list(busy.values()), free, LEASE_SECONDS)
        more = (list(self._proven), AT_ONCE_UNPROVEN, max(0, UNPROVEN_AT_ONCE - unproven))
        async with self.database.connection() as connection:
            return list(await connection.fetch(statements.CLAIM, *values, *more))

    async def _carry(self, claim: Any) -> None:
        """One claim to its end. A record that cannot be written is left to the lease: it is sent again."""
        try:
            if claim["event_id"] is None:
                await self._done(claim, claim["top"])
                return
            began = clock.monotonic()
            outcome = await self.client.send(_notice(claim))
            self._judge(claim["endpoint_id"], outcome, clock.monotonic() - began)
            await self._record(claim, outcome)
        except Unavailable as error:
            log.warning("delivery_unrecorded", endpoint=str(claim["endpoint_id"]), reason=error.detail)
        except Exception:  # one bad row must not end the others
            log.exception("delivery_failed", endpoint=str(claim["endpoint_id"]))
        finally:
            self._under_way[claim["endpoint_id"]] -= 1
            if not self._under_way[claim["endpoint_id"]]:
                del self._under_way[claim["endpoint_id"]]
            self._freed.set()

    def _judge(self, endpoint: UUID, outcome: Outcome, seconds: float) -> None:
        """Who answers in time is given more at once; who does not has to begin anew."""
        self._proven.pop(endpoint, None)
        if outcome.is_taken and seconds <= IN_TIME_SECONDS:
            self._proven[endpoint] = None
        while len(self._proven) > ENDPOINTS_LIMIT:  # of those that are gone the oldest
            del self._proven[next(iter(self._proven))]

    async def _record(self, claim: Any, outcome: Outcome) -> None:
        if outcome.is_taken:
            became = await self._carry_out(claim, outcome)
            await self._note(claim, outcome, "delivered", became)
            await self._done(claim, claim["place"])
            return
        since = await self._failing_since(claim)
        is_over = since is not None and self._is_over(since)
        is_dead = outcome.status == 410 or (is_over and not await self._took_any(claim, since))
        if is_over and not is_dead:
            await self._note(claim, outcome, "given_up")
            await self._done(claim, claim["place"])
            log.error("event_given_up", endpoint=str(claim["endpoint_id"]), event_id=str(claim["event_id"]))
            return
        await self._note(claim, outcome, "failed")
        pause = self.patience.pause(claim["failures"] + 1, self.chance, outcome.retry_after)
        async with self.database.connection() as connection:
            await connection.execute(statements.FAILED, *_lane(claim), pause)
        if is_dead:  # after the pause was written: whoever resumes the endpoint ends the pause, too
            await self._suspend(claim, outcome)

    async def _carry_out(self, claim: Any, outcome: Outcome) -> str:
        """What the receiver asks for in its answer, before the event is done: a process that dies begins again."""
        if not claim["may_answer"] or claim["kind"] != Happening.POSTED:
            return ""
        return await self.answers.take(claim["endpoint_id"], claim["event_id"], claim["data"], outcome.answer)

    def _is_over(self, since: datetime) -> bool:
        return (clock.now() - since).total_seconds() >= self.patience.all_seconds

    async def _failing_since(self, claim: Any) -> datetime | None:
        async with self.database.connection() as connection:
            since: datetime | None = await connection.fetchval(statements.FAILING_SINCE, *_lane(claim))
        return since

    async def _took_any(self, claim: Any, since: datetime | None) -> bool:
        async with self.database.connection() as connection:
            return bool(await connection.fetchval(statements.TOOK_SINCE, claim["endpoint_id"], since))

    async def _suspend(self, claim: Any, outcome: Outcome) -> None:
        why = (
            "the receiver answered 410 Gone"
            if outcome.status == 410
            else f"it took nothing any more: {_short(outcome)}"
        )
        async with self.database.connection() as connection:
            if await connection.fetchval(statements.SUSPEND, claim["endpoint_id"], why):
                metrics.hooks_suspended.inc()
                log.error("endpoint_suspended", endpoint=str(claim["endpoint_id"]), url=claim["url"], why=why)
                self.tell(claim["endpoint_id"], why)

    async def _done(self, claim: Any, place: int) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statements.DONE, *_lane(claim), place)

    async def _note(self, claim: Any, outcome: Outcome, word: str, became: str = "") -> None:
        metrics.hook_attempts.labels(word).inc()
        await note(self.database, claim["endpoint_id"], _notice(claim), outcome, word, became=became)


def _lane(claim: Any) -> tuple[UUID, UUID, int]:
    return claim["endpoint_id"], claim["thread_id"], claim["claim"]


def _short(outcome: Outcome) -> str:
    return outcome.answer if outcome.status is None else f"the last answer was {outcome.status}"


def _notice(claim: Any) -> Notice:
    return Notice(
        claim["url"],
        tuple(claim["secrets"]),
        claim["event_id"],
        claim["kind"],
        claim["occurred_at"],
        claim["data"],
    )
