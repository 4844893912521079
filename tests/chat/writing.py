"""What tests about the journal say: threads to write in, drafts, and what a thread must look like afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias
from uuid import UUID

import asyncpg

from server import ids
from server.chat.journal import Draft, Journal, Posted

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


def draft(thread: UUID, text: str = "hello", *, author: UUID | None = None, client_id: str | None = None) -> Draft:
    """A message of someone outside: such an author needs no account."""
    return Draft(ids.new(), thread, author or ids.new(), "contact", text, client_id=client_id)


async def new_threads(url: str, count: int = 1) -> list[UUID]:
    """Fresh threads, empty."""
    threads = [ids.new() for _ in range(count)]
    connection: Connection = await asyncpg.connect(url)
    try:
        await connection.executemany(
            "INSERT INTO threads (id, kind, epoch) VALUES ($1, 'telegram', 'e')", [(thread,) for thread in threads]
        )
    finally:
        await connection.close()
    return threads


@asynccontextmanager
async def journals(url: str, count: int = 1) -> AsyncIterator[tuple[list[Journal], list[Posted]]]:
    """As many journals as server processes would have, and all that they announced, in order."""
    heard: list[Posted] = []

    def hear(posted: Sequence[Posted]) -> None:
        heard.extend(posted)

    opened = [Journal(url, hear) for _ in range(count)]
    for journal in opened:
        await journal.open()
    try:
        yield opened, heard
    finally:
        for journal in opened:
            await journal.close()


async def written(url: str, thread: UUID) -> list[tuple[int, int, str]]:
    """(number, offset, client_id or text) of every message of the thread; fails when the thread has a hole."""
    connection: Connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            'SELECT number, "offset", coalesce(client_id, text) AS label FROM messages WHERE thread_id = $1 '
            "ORDER BY number",
            thread,
        )
        counters = await connection.fetchrow("SELECT posted, top FROM threads WHERE id = $1", thread)
    finally:
        await connection.close()
    expected = list(range(1, len(rows) + 1))
    assert [row["number"] for row in rows] == expected
    assert [row["offset"] for row in rows] == expected
    assert counters is not None
    assert (counters["posted"], counters["top"]) == (len(rows), len(rows))
    return [(row["number"], row["offset"], row["label"]) for row in rows]
