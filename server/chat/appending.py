"""Append to threads within a transaction of the caller's: for who has to commit more than the messages alone."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from server import metrics
from server.chat.journal import Draft, Posted, columns, identities
from server.chat.statements import APPEND, REPOSTED
from server.database import PlainConnection


async def append(connection: PlainConnection, drafts: Sequence[Draft]) -> list[Posted]:
    """Write the messages; what was posted before, under the same client_id, is left out.

    Needs an open transaction. Announce what is returned after its commit, with `Announcer.posted`.
    """
    if not drafts:
        return []
    try:
        async with connection.transaction():
            rows = await connection.fetch(APPEND, *columns(drafts))
    except asyncpg.UniqueViolationError:
        known = {row[0] for row in await connection.fetch(REPOSTED, *identities(drafts))}
        fresh = [draft for draft in drafts if draft.id not in known]
        if len(fresh) == len(drafts):
            raise
        return await append(connection, fresh)
    metrics.posts.inc(len(rows))
    return [Posted(*row) for row in rows]
