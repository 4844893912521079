"""Telegram is told that a button's press has arrived; until then the button shows that it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from server.logging import named

ANSWERS = 64  # under way at once; more are left unanswered, and only look so for a while
ANSWER_SECONDS = 5.0

log = named("bot")


class Presses:
    """Answered beside the drain, as far as there is anybody to answer through."""

    def __init__(self, answer: Callable[[str], Awaitable[None]] | None) -> None:
        self._answer = answer
        self._answers: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Answer no more of them."""
        for task in self._answers:
            task.cancel()
        if self._answers:
            await asyncio.wait(self._answers)

    def tell(self, pressed: str) -> None:
        """Beside the drain: nobody's message waits for an answer to a press."""
        if self._answer is not None and len(self._answers) < ANSWERS:
            task = asyncio.create_task(self._told(self._answer(pressed)), name="press")
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

    async def _told(self, answer: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await answer
        except TimeoutError:
            log.info("press_unanswered")
