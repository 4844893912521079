"""What is written of a reply so far, shown to who listens in the thread, and to the person outside. Keeps nothing."""

from __future__ import annotations

import asyncio
from typing import Protocol
from uuid import UUID

from server import clock
from server.chat.announcer import Announcer
from server.logging import named

OUTSIDE_SECONDS = 1.5  # between two drafts that go out: each takes a place that a message could have had

log = named("assistant")


class Outside(Protocol):
    """People who do not listen here themselves. What they do not need to see may be left out."""

    async def language(self, thread_id: UUID) -> str | None:
        """In which they are to be answered; None where nothing is known of that."""
        ...

    async def draft(self, thread_id: UUID, question_id: UUID, text: str) -> None:
        """Show what is written so far. Raises nothing for what the network does."""
        ...


class Showing:
    """Of one reply. Whoever made it closes it before the reply is posted: nothing is shown after that."""

    def __init__(self, announcer: Announcer, outside: Outside | None, thread_id: UUID, question_id: UUID) -> None:
        self._announcer = announcer
        self._outside = outside
        self._thread_id = thread_id
        self._question_id = question_id
        self._shown = ""
        self._sent_at = float("-inf")
        self._sending: asyncio.Task[None] | None = None

    def show(self, text: str) -> None:
        """Show this in place of what was shown; empty takes it back."""
        if text == self._shown:
            return
        self._shown = text
        self._announcer.drafting(self._thread_id, self._question_id, text)
        is_idle = self._sending is None or self._sending.done()
        if self._outside is not None and text and is_idle and clock.monotonic() - self._sent_at >= OUTSIDE_SECONDS:
            self._sent_at = clock.monotonic()
            self._sending = asyncio.create_task(self._send(self._outside, text), name="draft")

    async def close(self) -> None:
        """Nothing more is shown."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])

    async def _send(self, outside: Outside, text: str) -> None:
        try:
            await outside.draft(self._thread_id, self._question_id, text)
        except Exception as error:  # a draft is a courtesy: the message comes all the same
            log.warning("draft_failed", error=repr(error))
