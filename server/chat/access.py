"""How people stand to threads, remembered for a second so that a busy poster costs no query a message."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from uuid import UUID

from server import clock
from server.auth.policy import Caller
from server.chat.entrance import Entrance
from server.chat.standing import Standing

REMEMBER_SECONDS = 1.0  # a removed member loses the thread on every process within this
REMEMBER_LIMIT = 50_000  # standings of one process, about 20 MB; the oldest leave first

_Key = tuple[UUID, UUID, str]


class Access:
    """Standings by person and thread; what is not remembered is asked at the entrance."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._known: OrderedDict[_Key, tuple[float, Standing]] = OrderedDict()
        self._asking: dict[_Key, asyncio.Task[Standing | None]] = {}

    def remembered(self, caller: Caller, thread_id: UUID) -> Standing | None:
        """How the caller stands to the thread, at most a second old; None where that has to be asked."""
        known = self._known.get((caller.user, thread_id, caller.role))
        return known[1] if known is not None and clock.monotonic() - known[0] < REMEMBER_SECONDS else None

    async def standing(self, caller: Caller, thread_id: UUID) -> Standing | None:
        """How the caller stands to the thread, at most a second old; None where no such thread is.

        Callers that ask for the same at once share one answer and go on in the order in which they asked.
        """
        known = self.remembered(caller, thread_id)
        if known is not None:
            return known
        key = (caller.user, thread_id, caller.role)
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(key, caller))
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(asking)

    async def _ask(self, key: _Key, caller: Caller) -> Standing | None:
        asked_at = clock.monotonic()
        found = await self._entrance.ask(caller, key[1])
        if found is None:
            return None
        if found.standing.may_read:  # a refusal is never remembered: it may be lifted at any moment
            self._known[key] = (asked_at, found.standing)
            self._known.move_to_end(key)
            if len(self._known) > REMEMBER_LIMIT:
                self._known.popitem(last=False)
        return found.standing

    def forget(self, thread_id: UUID) -> None:
        """A membership changed here: ask again at once on this process."""
        for key in [key for key in self._known if key[1] == thread_id]:
            del self._known[key]
