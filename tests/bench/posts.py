"""The journal beside one SQLAlchemy Core transaction a message: the same tables, indexes, rows and durability."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from server import ids
from server.chat.journal import Draft, Journal
from server.chat.models import Message, ReadMarker, Thread
from server.database import sqlalchemy_url
from tests.bench import cpu
from tests.bench.ground import Ground, Result, ground, median, table
from tests.chat.writing import written

CELLS = [(1, 1), (50, 1), (50, 10), (200, 1), (200, 10), (200, 100), (500, 1), (500, 10), (500, 100)]
HEADLINE = (200, 10)
HEADLINE_ROUNDS = 5
CELL_SECONDS = 1.5
WARM_SECONDS = 0.3
CORE_CONNECTIONS = 20
TEXT = "Where is my parcel? It was to come on Monday, and nobody at the door has heard of it. " * 2

Post = Callable[[Draft], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One way, so many posters over so many threads."""

    per_second: float
    python_us: float
    postgres_us: float
    p50_ms: float
    p99_ms: float


async def measure() -> Result:
    """Alternate between the two ways in every cell, the headline's several times."""
    async with ground() as here:
        engine = create_async_engine(sqlalchemy_url(here.database_url), pool_size=CORE_CONNECTIONS, max_overflow=0)
        journal = Journal(here.database_url, lambda _: None)
        await journal.open()
        ways: dict[str, Post] = {"journal": journal.post, "core": core(engine)}
        found: dict[tuple[str, int, int], list[Cell]] = {}
        for posters, threads in CELLS:
            for _ in range(HEADLINE_ROUNDS if (posters, threads) == HEADLINE else 1):
                for name, post in ways.items():
                    cell = await _cell(here, post, posters, threads)
                    found.setdefault((name, posters, threads), []).append(cell)
        await journal.close()
        await engine.dispose()
    return _result(found)


def core(engine: AsyncEngine) -> Post:
    """One transaction a message, as one would write it with SQLAlchemy Core."""

    async def post(draft: Draft) -> None:
        async with engine.begin() as connection:
            counted = update(Thread).where(Thread.id == draft.thread_id)
            counted = counted.values(top=Thread.top + 1, posted=Thread.posted + 1, active_at=func.now(), status="open")
            place = (await connection.execute(counted.returning(Thread.top, Thread.posted))).one()
            row = {"thread_id": draft.thread_id, "number": place.posted, "offset": place.top, "id": draft.id}
            row |= {"author_id": draft.author_id, "author_kind": draft.author_kind, "text": draft.text}
            await connection.execute(insert(Message).values(**row, client_id=draft.client_id))
            mark = insert(ReadMarker).values(thread_id=draft.thread_id, user_id=draft.author_id, number=place.posted)
            keys = ["thread_id", "user_id"]
            await connection.execute(mark.on_conflict_do_update(index_elements=keys, set_={"number": place.posted}))

    return post


async def _cell(here: Ground, post: Post, posters: int, thread_count: int) -> Cell:
    people, threads = await _people_and_threads(here, posters, thread_count)
    await _drive(post, people, threads, WARM_SECONDS)
    postgres, python, began = cpu.of_family(here.postgres_pid), time.process_time(), time.perf_counter()
    waits = await _drive(post, people, threads, CELL_SECONDS)
    seconds = time.perf_counter() - began
    python = time.process_time() - python
    postgres_seconds = cpu.spent(postgres, cpu.of_family(here.postgres_pid))
    for thread in threads:
        await written(here.database_url, thread)  # counters, numbers and offsets agree, without a hole
    waits.sort()
    count = len(waits)
    return Cell(
        count / seconds,
        python / count * 1e6,
        postgres_seconds / count * 1e6,
        waits[count // 2] * 1e3,
        waits[int(count * 0.99)] * 1e3,
    )


async def _drive(post: Post, people: Sequence[UUID], threads: Sequence[UUID], seconds: float) -> list[float]:
    """Everybody posts one message after the other; returns how long each waited for the acknowledgement."""
    waits: list[float] = []
    end = time.perf_counter() + seconds

    async def one(number: int, person: UUID) -> None:
        thread = threads[number % len(threads)]
        while (began := time.perf_counter()) < end:
            message = ids.new()
            await post(Draft(message, thread, person, "user", TEXT, client_id=message.hex))
            waits.append(time.perf_counter() - began)

    await asyncio.gather(*(one(number, person) for number, person in enumerate(people)))
    return waits


async def _people_and_threads(here: Ground, people: int, threads: int) -> tuple[list[UUID], list[UUID]]:
    users, places = [ids.new() for _ in range(people)], [ids.new() for _ in range(threads)]
    connection = await asyncpg.connect(here.database_url)
    try:
        await connection.execute("INSERT INTO users (id, name) SELECT id, 'p' FROM unnest($1::uuid[]) AS u(id)", users)
        await connection.execute(
            "INSERT INTO threads (id, kind, epoch) SELECT id, 'room', 'e' FROM unnest($1::uuid[]) AS t(id)", places
        )
    finally:
        await connection.close()
    return users, places


def _middle(cells: Sequence[Cell]) -> Cell:
    fields = zip(*((c.per_second, c.python_us, c.postgres_us, c.p50_ms, c.p99_ms) for c in cells), strict=True)
    return Cell(*(median(list(field)) for field in fields))


def _result(found: dict[tuple[str, int, int], list[Cell]]) -> Result:
    middle = {key: _middle(cells) for key, cells in found.items()}
    rows = [
        (posters, threads, name, c.per_second, c.python_us, c.postgres_us, c.p50_ms, c.p99_ms)
        for (name, posters, threads), c in middle.items()
    ]
    journal, plain = middle[("journal", *HEADLINE)], middle[("core", *HEADLINE)]
    alone, alone_plain = middle["journal", 1, 1], middle["core", 1, 1]
    head = ["posters", "threads", "way", "posts/s", "python µs", "postgres µs", "ack p50 ms", "ack p99 ms"]
    figures = {
        "journal_posts_per_second": journal.per_second,
        "core_posts_per_second": plain.per_second,
        "journal_python_us": journal.python_us,
        "journal_postgres_us": journal.postgres_us,
        "journal_p99_ms": journal.p99_ms,
        "alone_journal_p50_ms": alone.p50_ms,
        "alone_core_p50_ms": alone_plain.p50_ms,
    }
    what = "posts per second, journal ÷ one Core transaction a message, 200 posters over 10 threads"
    return Result(table(head, rows), what, journal.per_second / plain.per_second, figures)
