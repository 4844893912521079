"""People who post, each one message after the other, and a check that nothing was lost or doubled meanwhile."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from uuid import UUID

import asyncpg

from server import ids
from server.chat.journal import Draft
from tests.bench.cpu import Meter
from tests.bench.ground import Ground
from tests.bench.report import median
from tests.bench.rivals import Post

WARM_SECONDS = 0.2
TEXT = "Where is my parcel? It was to come on Monday, and nobody at the door has heard of it. " * 2

# Threads in which counters, numbers and offsets do not agree with the rows.
BROKEN = """
SELECT t.id, t.posted, t.top, m.* FROM threads t CROSS JOIN LATERAL (
  SELECT count(*) AS rows, max(number) AS number, max("offset") AS last, count(DISTINCT "offset") AS places
  FROM messages WHERE thread_id = t.id
) m
WHERE t.id = ANY ($1::uuid[])
  AND (t.posted, t.top, m.number, m.last, m.places) IS DISTINCT FROM (m.rows, m.rows, m.rows, m.rows, m.rows)
"""
# Whose own last message is still unread to them.
UNREAD = """
SELECT r.user_id FROM read_markers r
WHERE r.thread_id = ANY ($1::uuid[]) AND r.number IS DISTINCT FROM
  (SELECT max(m.number) FROM messages m WHERE m.thread_id = r.thread_id AND m.author_id = r.user_id)
"""
WRITTEN = "SELECT sum(posted)::bigint FROM threads WHERE id = ANY ($1::uuid[])"


@dataclass(frozen=True, slots=True)
class Cell:
    """What one way of posting did with one crowd."""

    per_second: float
    python_us: float
    postgres_us: float
    p50_ms: float
    p99_ms: float
    crowding: float


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many posters, spread over so many threads."""

    posters: int
    threads: int

    async def measure(self, here: Ground, post: Post, seconds: float) -> Cell:
        """Let everybody post for so long, in fresh threads; AssertionError when a message is lost or doubled."""
        people, threads = await newcomers(here, self)
        warm = await _drive(post, people, threads, WARM_SECONDS)
        meter = Meter(os.getpid(), here.postgres_pid)
        waits = await _drive(post, people, threads, seconds)
        spent = meter.read()
        await check(here, threads, len(warm) + len(waits))
        waits.sort()
        count = len(waits)
        return Cell(
            count / spent.clock,
            spent.python / count * 1e6,
            spent.postgres / count * 1e6,
            waits[count // 2] * 1e3,
            waits[int(count * 0.99)] * 1e3,
            spent.crowding * 100,
        )


def middle(cells: Sequence[Cell]) -> Cell:
    """The median of every figure."""
    return Cell(*(median(column) for column in zip(*map(astuple, cells), strict=True)))


async def _drive(post: Post, people: Sequence[UUID], threads: Sequence[UUID], seconds: float) -> list[float]:
    """Everybody posts one message after the other; returns how long each waited for the acknowledgement."""
    waits: list[float] = []
    end = time.perf_counter() + seconds

    async def one(person: UUID, thread: UUID) -> None:
        while (began := time.perf_counter()) < end:
            message = ids.new()
            await post(Draft(message, thread, person, "user", TEXT, client_id=message.hex))
            waits.append(time.perf_counter() - began)

    await asyncio.gather(*(one(person, threads[number % len(threads)]) for number, person in enumerate(people)))
    return waits


async def newcomers(here: Ground, crowd: Crowd) -> tuple[list[UUID], list[UUID]]:
    """New people, and threads where nobody has posted yet."""
    users, threads = [ids.new() for _ in range(crowd.posters)], [ids.new() for _ in range(crowd.threads)]
    connection = await asyncpg.connect(here.database_url)
    try:
        await connection.execute("INSERT INTO users (id, name) SELECT id, 'p' FROM unnest($1::uuid[]) AS u(id)", users)
        await connection.execute(
            "INSERT INTO threads (id, kind, epoch) SELECT id, 'room', 'e' FROM unnest($1::uuid[]) AS t(id)", threads
        )
        # So that files of the log are used again, as after some hours of service: making a new one takes 10 ms.
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    return users, threads


async def check(here: Ground, threads: Sequence[UUID], acknowledged: int) -> None:
    """AssertionError when the rows of these threads disagree with each other or with what was acknowledged."""
    connection = await asyncpg.connect(here.database_url)
    try:
        assert await connection.fetch(BROKEN, threads) == []
        assert await connection.fetch(UNREAD, threads) == []
        assert await connection.fetchval(WRITTEN, threads) == acknowledged
    finally:
        await connection.close()
