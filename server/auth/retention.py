"""Removes keys that are long over: sessions that ended or expired, and personal access tokens likewise."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta

from server import clock
from server.database import Database

BATCH = 500

QUERIES = tuple(
    f"""DELETE FROM {table} WHERE id IN (
          SELECT id FROM {table} WHERE {moment} < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"""
    for table in ("sessions", "access_tokens")
    for moment in ("expires_at", "revoked_at")
)


async def forget_keys(database: Database, days: float) -> AsyncGenerator[int, None]:
    """Remove keys that have been over for longer, in small steps; any number of processes may do so at once.

    `days` are more than any access token lasts: while one is out there, every process has to hear that it ended.
    """
    before = clock.now() - timedelta(days=days)
    for query in QUERIES:
        count = BATCH
        while count == BATCH:
            async with database.connection() as connection:
                count = int((await connection.execute(query, before, BATCH)).split()[1])
            yield count
