"""How fast a campaign may go: blocks of places at the limiter that all processes and all conversations share.

A conversation books up to a second ahead, a campaign a tenth of one: so a reply never waits for more than that behind a
campaign, and a campaign has whatever the conversations leave.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from server import clock
from server.bot.pace import BOT, CHAT, FREEZE_SECONDS_LIMIT, bot_key
from server.broadcast.constants import RATE_LIMIT
from server.pacing.limiter import Limiter
from server.pacing.pace import Rate

PAID = Rate(RATE_LIMIT, 1.0, 1)
BLOCK_SECONDS = 0.08  # booked at once: at 1,000 a second a place each would be a round trip each
AHEAD_SECONDS = 0.12  # the beginning of a block that is booked lies no further in the future
AWAY_SECONDS = 1.0  # between questions while Redis is away
CHAT_SECONDS = 1.0  # that a delivery waits for a chat in which people are talking


@dataclass(frozen=True, slots=True)
class Block:
    """So many places, the first at this moment of the monotonic clock, the others evenly behind it."""

    starts_at: float
    count: int
    interval_seconds: float

    def place(self, number: int) -> float:
        """The moment of one of them."""
        return self.starts_at + number * self.interval_seconds


class Share:
    """What campaigns have of one bot's pace."""

    def __init__(self, limiter: Limiter, bot_id: int) -> None:
        self._limiter = limiter
        self._bot = bot_key(bot_id)

    async def book(self, most: int, *, is_paid: bool, own: tuple[str, float] | None) -> Block | float:
        """Places for up to so many, or the seconds after which to ask again. `own`: a key, and how many a second."""
        rate = PAID if is_paid else BOT
        per_second = min(rate.count / rate.seconds, own[1] if own else float("inf"))
        count = max(1, min(most, int(per_second * BLOCK_SECONDS)))
        rates = {self._bot: Rate(rate.count, rate.seconds * count, 1)}
        if own:
            rates[own[0]] = Rate(1, count / own[1], 1)
        booked = await self._limiter.reserve_together(rates, AHEAD_SECONDS)
        if booked is None:
            return AWAY_SECONDS  # nobody knows what the other processes send: Telegram must not find us too fast
        if not booked.granted:
            return max(0.0, booked.wait_seconds - AHEAD_SECONDS / 2)
        return Block(clock.monotonic() + booked.wait_seconds, count, rate.seconds / rate.count)

    async def again(self, *, is_paid: bool, until: float) -> bool:
        """Wait for one place more, for what missed its own. False when it does not come in time."""
        while clock.monotonic() < until:
            found = await self.book(1, is_paid=is_paid, own=None)
            if isinstance(found, Block):
                await asyncio.sleep(found.starts_at - clock.monotonic())
                return True
            await asyncio.sleep(found)
        return False

    async def chats(self, chat_ids: Sequence[int]) -> Sequence[float | None]:
        """The seconds to wait for a place in each of these chats; None when people talk there, or nobody knows."""
        keys = [f"{self._bot}:{chat_id}" for chat_id in chat_ids]
        booked = await self._limiter.reserve_each_together(keys, CHAT, CHAT_SECONDS)
        return [None] * len(keys) if booked is None else booked

    async def freeze(self, seconds: float) -> None:
        """Telegram said to wait: so does every process. Said by many at once, it is one freeze."""
        await self._limiter.hold(self._bot, min(seconds, FREEZE_SECONDS_LIMIT))
