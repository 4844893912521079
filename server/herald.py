"""What a server process tells its operator of itself: its address, and what it misses. Knows none of its parts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from server.logging import named

LOOK_SECONDS = 1.0  # until it is ready
LOOK_AGAIN_SECONDS = 5.0
REMEDIES = {
    "database": "start PostgreSQL, correct DATABASE_URL, or migrate: `parley doctor` says which",
    "bus": "start Redis or Valkey, or correct REDIS_URL: `parley doctor` says which",
}

log = named("server")


def farewell(drain_seconds: float) -> str:
    """What is said when a server begins to stop: it may take so long."""
    return f"Stopping; open sockets are given {drain_seconds:g} seconds." if drain_seconds else "Stopping."


class Herald:
    """Looks at the readiness of its process for as long as that runs; says each change of it once."""

    def __init__(self, readiness: Callable[[], Awaitable[dict[str, str]]], announce: Callable[[], None]) -> None:
        """`announce` is called once, when the process can serve for the first time."""
        self._readiness = readiness
        self._announce: Callable[[], None] | None = announce
        self._missing: set[str] = set()
        self._told: set[str] = set()

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            try:
                self._look(await self._readiness())
            except Exception:
                log.exception("readiness_unknown")
            await asyncio.sleep(LOOK_SECONDS if self._announce else LOOK_AGAIN_SECONDS)

    def _look(self, found: dict[str, str]) -> None:
        missing = {part for part, state in found.items() if state != "ready"}
        # Twice in a row: what only takes its time to connect is no news.
        for part in sorted((missing & self._missing) - self._told):
            log.warning("not_ready", part=part, why=found[part], remedy=REMEDIES.get(part, ""))
            self._told.add(part)
        for part in sorted(self._told - missing):
            log.info("ready_again", part=part)
            self._told.discard(part)
        self._missing = missing
        if not missing and self._announce:
            self._announce()
            self._announce = None
