"""What access tokens out there do not know: who was banned, promoted, renamed or signed out after they were issued.

Tokens are good for minutes, so only what happened within their lifetime matters. One query every REFRESH_SECONDS and
process reads it: a ban or a sign-out works everywhere within that time, and no request waits for a query of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

from server import clock
from server.auth.constants import Role
from server.auth.policy import Caller, banned
from server.database import Database, unavailable
from server.errors import Unauthenticated, Unavailable
from server.logging import named

REFRESH_SECONDS = 2.0
OVERLAP_SECONDS = 15.0  # a row is stamped before it is committed; no statement runs longer than 10 s
REMEMBERED_ROWS = 50_000  # of each kind; when full, the oldest are forgotten: their tokens expire first

PEOPLE = """SELECT id, name, role, banned_at IS NOT NULL FROM users
            WHERE changed_at > clock_timestamp() - make_interval(secs => $1) ORDER BY changed_at DESC LIMIT $2"""
SESSIONS = """SELECT id FROM sessions
              WHERE revoked_at > clock_timestamp() - make_interval(secs => $1) ORDER BY revoked_at DESC LIMIT $2"""
MACHINES = """SELECT id FROM access_tokens
              WHERE revoked_at > clock_timestamp() - make_interval(secs => $1) ORDER BY revoked_at DESC LIMIT $2"""
ERASED = """SELECT user_id FROM erasures
            WHERE requested_at > clock_timestamp() - make_interval(secs => $1) ORDER BY requested_at DESC LIMIT $2"""

log = named("auth")

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Change:
    """A person as they are now, and when this process heard of it."""

    heard_at: float
    name: str
    role: Role
    is_banned: bool


class Revocations:
    """The recent changes as this process knows them."""

    def __init__(self, database: Database, window_seconds: float) -> None:
        self._database = database
        self._window = window_seconds + OVERLAP_SECONDS
        self._people: dict[UUID, Change] = {}
        self._ended: dict[UUID, float] = {}
        self._read_at: float | None = None
        self._tried_at = float("-inf")
        self._reading = asyncio.Lock()

    def unchanged(self, caller: Caller) -> Caller | None:
        """The caller, where nothing has happened to them and that is certain; None where `check` has to look."""
        is_fresh = self._read_at is not None and clock.monotonic() - self._tried_at <= REFRESH_SECONDS
        if not is_fresh or caller.user in self._people or self._has_ended(caller):
            return None
        return caller

    async def check(self, caller: Caller) -> Caller:
        """The caller as they are now; raises Unauthenticated when their session was ended or they were banned."""
        if clock.monotonic() - self._tried_at > REFRESH_SECONDS:
            await self._keep_fresh()
        if self._read_at is None:
            raise unavailable()
        if self._has_ended(caller):
            raise Unauthenticated("token_invalid", "this session was signed out; sign in again")
        change = self._people.get(caller.user)
        if change is not None and change.is_banned:
            raise banned()
        return self.as_known(caller)

    def as_known(self, caller: Caller) -> Caller:
        """The caller with the name and the role they have now: the same object when nothing is known of them.

        What is known is forgotten after a while. Who keeps a caller for longer, keeps what this returns.
        """
        change = self._people.get(caller.user)
        if change is None or (change.name, caller.with_role(change.role)) == (caller.name, caller.role):
            return caller
        return replace(caller, name=change.name, role=caller.with_role(change.role))

    async def ended(self, callers: Sequence[Caller]) -> list[Caller]:
        """Those of them who were banned, signed out, or whose personal access token was revoked."""
        if clock.monotonic() - self._tried_at > REFRESH_SECONDS:
            await self._keep_fresh()
        if not self._ended and not self._people:
            return []
        return [caller for caller in callers if self._is_over(caller)]

    def _is_over(self, caller: Caller) -> bool:
        change = self._people.get(caller.user)
        return (change is not None and change.is_banned) or self._has_ended(caller) or caller.machine in self._ended

    def _has_ended(self, caller: Caller) -> bool:
        """Their session was signed out, or all of them was erased."""
        return caller.session in self._ended or caller.user in self._ended

    async def refresh(self) -> None:
        """Read what happened since the last time, and forget what matters no more."""
        now = clock.monotonic()
        since = self._window if self._read_at is None else min(self._window, now - self._read_at + OVERLAP_SECONDS)
        async with self._database.connection() as connection:
            people = await connection.fetch(PEOPLE, since, REMEMBERED_ROWS)
            sessions = await connection.fetch(SESSIONS, since, REMEMBERED_ROWS)
            machines = await connection.fetch(MACHINES, since, REMEMBERED_ROWS)
            erased = await connection.fetch(ERASED, since, REMEMBERED_ROWS)
        # The newest goes to the end of its table: what is heard longest ago stands first.
        for user, name, role, is_banned in reversed(people):
            self._people.pop(user, None)
            self._people[user] = Change(now, name, Role(role), is_banned)
        for (over,) in (*reversed(sessions), *reversed(machines), *reversed(erased)):
            self._ended.pop(over, None)
            self._ended[over] = now
        self._read_at = self._tried_at = now
        self._forget(now - self._window)

    async def _keep_fresh(self) -> None:
        async with self._reading:
            if clock.monotonic() - self._tried_at <= REFRESH_SECONDS:
                return  # someone else read while we waited
            try:
                await self.refresh()
            except Unavailable:
                log.warning("revocations_not_read")  # what is known still holds; the next try follows soon
            finally:
                self._tried_at = clock.monotonic()

    def _forget(self, before: float) -> None:
        while self._people and (len(self._people) > REMEMBERED_ROWS or _first(self._people).heard_at < before):
            del self._people[next(iter(self._people))]
        while self._ended and (len(self._ended) > REMEMBERED_ROWS or _first(self._ended) < before):
            del self._ended[next(iter(self._ended))]


def _first(table: Mapping[UUID, Value]) -> Value:
    return next(iter(table.values()))
