"""Threads full of messages to read, and what PostgreSQL does to find a page of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from server import ids
from server.chat.history import Filter, Window, page_query

LOAD_SECONDS = 300.0

# Ids rise with the numbers, as those of real messages do; whatever is not a place has the same length everywhere.
FILL = """
INSERT INTO messages (thread_id, number, "offset", id, author_id, author_kind, text, client_id, tags, created_at)
SELECT $1, n, n, CAST(left($1::uuid::text, 24) || lpad(to_hex(n), 12, '0') AS uuid), $2, 'user',
       repeat('Where is my parcel? ', 8), 'c' || lpad(n::text, 9, '0'), ARRAY['parcel'], '2026-01-01 12:00:00.123456Z'
FROM generate_series(1, $3::bigint) n
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How PostgreSQL found a page: the lines of EXPLAIN that matter, and how many blocks it touched."""

    text: str
    blocks: int


async def fill(url: str, author: UUID, messages: int) -> UUID:
    """A room with so many messages, settled as autovacuum would have left it."""
    thread = ids.new()
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "INSERT INTO threads (id, kind, epoch, posted, top) VALUES ($1, 'room', 'e', $2, $2)", thread, messages
        )
        await connection.execute(FILL, thread, author, messages, timeout=LOAD_SECONDS)
        await connection.execute("VACUUM ANALYZE messages", timeout=LOAD_SECONDS)
    finally:
        await connection.close()
    return thread


async def plan(url: str, thread: UUID, window: Window) -> Plan:
    """EXPLAIN (ANALYZE, BUFFERS) of the page's own statement, the second time that it runs."""
    query, values = page_query(thread, window, Filter())
    connection = await asyncpg.connect(url)
    try:
        await connection.fetch(query, *values)
        rows = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {query}", *values)
        found = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", *values)
    finally:
        await connection.close()
    top = json.loads(found)[0]["Plan"]
    return Plan("\n".join(row[0] for row in rows), top["Shared Hit Blocks"] + top["Shared Read Blocks"])
