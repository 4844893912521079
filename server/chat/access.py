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
RENEW_SECONDS = 0.5  # from then on the next use asks anew, beside it: who keeps posting never waits for the answer
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
        key = (caller.user, thread_id, caller.role)
        known = self._known.get(key)
        if known is None:
            return None
        age = clock.monotonic() - known[0]
        if age >= REMEMBER_SECONDS:
            return None
        if age >= RENEW_SECONDS:
            _ = self._asked(key, caller)
        return known[1]

    async def standing(self, caller: Caller, thread_id: UUID) -> Standing | None:
        """How the caller stands to the thread, at most a second old; None where no such thread is.

        Callers that ask for the same at once share one answer and go on in the order in which they asked.
        """
        known = self.remembered(caller, thread_id)
        if known is not None:
            return known
        return await asyncio.shield(self._asked((caller.user, thread_id, caller.role), caller))

    def _asked(self, key: _Key, caller: Caller) -> asyncio.Task[Standing | None]:
        """The question that is under way, or a new one. Whether it fails matters only to whoever waits for it."""
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(key, caller), name="standing")
            asking.add_done_callback(lambda task: self._answered(key, task))
        return asking

    def _answered(self, key: _Key, task: asyncio.Task[Standing | None]) -> None:
        if self._asking.get(key) is task:
            del self._asking[key]
        if not task.cancelled():
            task.exception()  # marked as seen

    async def _ask(self, key: _Key, caller: Caller) -> Standing | None:
        asked_at = clock.monotonic()
        found = await self._entrance.ask(caller, key[1])
        standing = None if found is None else found.standing
        if self._asking.get(key) is not asyncio.current_task():
            return standing  # somebody said `forget`: this may be from before
        if standing is None or not standing.may_read:
            self._known.pop(key, None)  # a refusal is never remembered: it may be lifted at any moment
        else:
            self._known[key] = (asked_at, standing)
            self._known.move_to_end(key)
            if len(self._known) > REMEMBER_LIMIT:
                self._known.popitem(last=False)
        return standing

    def forget(self, thread_id: UUID) -> None:
        """A membership changed here: ask again at once on this process."""
        for key in [key for key in self._known if key[1] == thread_id]:
            del self._known[key]
        for key in [key for key in self._asking if key[1] == thread_id]:
            del self._asking[key]
