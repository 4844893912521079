"""How fast one bot may speak: its places at the limiter, which counts for all processes together."""

from __future__ import annotations

import asyncio

from server import clock
from server.pacing.limiter import Limiter
from server.pacing.pace import Rate, Reservation

PATIENCE_SECONDS = 1.0  # a place further off is not waited for: others may go first
AWAY_SECONDS = 1.0  # between questions while Redis is away
WAIT_SECONDS_LIMIT = 20.0  # well within the time after which a message that is `sending` is given up
FREEZE_SECONDS_LIMIT = 86_400.0

# Evenly, and below the 30 that Telegram allows: between a place and its call lie some tens of milliseconds. Nothing is
# remembered after Redis was emptied, so there must be no burst.
BOT = Rate(25, 1.0, 1)
CHAT = Rate(1, 1.0, 3)
GROUP = Rate(17, 60.0, 3)  # with the three at once no more than the allowed 20 in any minute


def bot_key(bot_id: int) -> str:
    """Under what all that one bot sends is counted."""
    return f"bot:{bot_id}"


class Pace:
    """One for each bot."""

    def __init__(self, limiter: Limiter, bot_id: int, per_second: int = BOT.count) -> None:
        self._limiter = limiter
        self._rate = Rate(per_second, 1.0, 1)
        self._bot = bot_key(bot_id)

    async def turn(self, chat_id: int, *, is_group: bool) -> float:
        """Wait for a place and return 0; or, when it is far off, the seconds after which to ask again."""
        booked = await self.book(chat_id, is_group=is_group)
        if booked is None:
            return AWAY_SECONDS  # nobody knows what the other processes send: Telegram must not find us too fast
        if not booked.granted:
            return booked.wait_seconds
        await asyncio.sleep(booked.wait_seconds)
        return 0.0

    async def book(self, chat_id: int, *, is_group: bool) -> Reservation | None:
        """A place for one message; None while Redis is away."""
        rates = {self._bot: self._rate, f"{self._bot}:{chat_id}": GROUP if is_group else CHAT}
        return await self._limiter.reserve_together(rates, PATIENCE_SECONDS)

    async def wait(self, chat_id: int, *, is_group: bool) -> bool:
        """Return in one's turn: for what has been begun. False when it does not come in time."""
        until = clock.monotonic() + WAIT_SECONDS_LIMIT
        while wait := await self.turn(chat_id, is_group=is_group):
            if clock.monotonic() + wait > until:
                return False
            await asyncio.sleep(wait)
        return True

    async def freeze(self, seconds: float) -> None:
        """Telegram said to wait: so does every process. Said by many at once, it is one freeze."""
        await self._limiter.hold(self._bot, min(seconds, FREEZE_SECONDS_LIMIT))
