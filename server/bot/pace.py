"""How fast one bot may speak: its places at the limiter, which counts for all processes together."""

from __future__ import annotations

import asyncio

from server.pacing.limiter import Limiter
from server.pacing.pace import Rate

PATIENCE_SECONDS = 1.0  # a place further off is not waited for: others may go first
FREEZE_SECONDS_LIMIT = 86_400.0

# Evenly, a little below what Telegram allows: nothing is remembered after Redis was emptied, so there must be no burst.
BOT = Rate(28, 1.0, 1)
CHAT = Rate(1, 1.0, 3)
GROUP = Rate(20, 60.0, 3)


class Pace:
    """One for each bot."""

    def __init__(self, limiter: Limiter, bot_id: int) -> None:
        self._limiter = limiter
        self._bot = f"bot:{bot_id}"

    async def turn(self, chat_id: int, *, is_group: bool) -> float:
        """Wait for a place and return 0; or, when it is far off, the seconds after which to ask again."""
        chat = f"{self._bot}:{chat_id}"
        booked = await self._limiter.reserve({self._bot: BOT, chat: GROUP if is_group else CHAT}, PATIENCE_SECONDS)
        if not booked.granted:
            return booked.wait_seconds
        await asyncio.sleep(booked.wait_seconds)
        return 0.0

    async def wait(self, chat_id: int, *, is_group: bool) -> None:
        """Return in one's turn, however far off: for the rest of what has been begun."""
        wait = await self.turn(chat_id, is_group=is_group)
        if wait:
            await asyncio.sleep(wait)
            await self.wait(chat_id, is_group=is_group)

    async def freeze(self, seconds: float) -> None:
        """Telegram said to wait: so does every process."""
        whole = Rate(1, min(seconds, FREEZE_SECONDS_LIMIT), 1)
        await self._limiter.reserve({self._bot: whole}, FREEZE_SECONDS_LIMIT)
