"""Whose role or ban changed lately: what an access token, good for minutes, cannot know. Read every other second."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

from server import clock
from server.auth.constants import Role
from server.auth.policy import Caller
from server.database import Database
from server.errors import Unauthenticated, Unavailable

FRESH_SECONDS = 2.0  # a ban or a new role is true on every process within this
SLACK_SECONDS = 60  # clocks of machines differ

CHANGED = """
SELECT id, role, banned_at IS NOT NULL AS is_banned FROM users
WHERE changed_at > now() - make_interval(secs => $1)
"""


@dataclass(frozen=True, slots=True)
class _Change:
    role: Role
    is_banned: bool


class Watch:
    """Corrects callers; while PostgreSQL is away it goes by what it knew."""

    def __init__(self, database: Database, access_seconds: int) -> None:
        self._database = database
        self._window = access_seconds + SLACK_SECONDS
        self._changes: dict[UUID, _Change] = {}
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()

    async def corrected(self, caller: Caller) -> Caller:
        """The caller with today's role. Raises Unauthenticated `banned`."""
        if clock.monotonic() - self._looked_at >= FRESH_SECONDS:
            await self._look()
        change = self._changes.get(caller.user)
        if change is None:
            return caller
        if change.is_banned:
            raise Unauthenticated("banned", "this account is closed; talk to the people who run this server")
        return Caller(caller.user, caller.name, change.role, caller.expires_at)

    def forget(self) -> None:
        """Something changed here: look again at the next call."""
        self._looked_at = float("-inf")

    async def _look(self) -> None:
        async with self._looking:
            if clock.monotonic() - self._looked_at < FRESH_SECONDS:
                return
            self._looked_at = clock.monotonic()
            try:
                async with self._database.connection() as connection:
                    rows = await connection.fetch(CHANGED, float(self._window))
            except Unavailable:
                return
            self._changes = {row["id"]: _Change(Role(row["role"]), row["is_banned"]) for row in rows}
