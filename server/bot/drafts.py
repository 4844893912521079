"""What the assistant is writing, shown to people on Telegram while it writes. Whatever fails here is left out."""

from __future__ import annotations

from uuid import UUID

from server.bot.client import Telegram
from server.bot.outcomes import Later
from server.bot.pace import Pace
from server.database import Database

LANGUAGE = "SELECT split_part(lower(language), '-', 1) FROM contacts WHERE thread_id = $1"
# Telegram shows drafts to people, not in groups.
CHAT = "SELECT chat_id FROM contacts WHERE thread_id = $1 AND bot_id = $2 AND kind = 'private' AND NOT blocked"
NUMBERS = 2**31 - 1


class Drafts:
    """Each takes a place that a message could have had, and none when it would have to wait for one."""

    def __init__(self, database: Database, telegram: Telegram, pace: Pace, bot_id: int) -> None:
        self._database = database
        self._telegram = telegram
        self._pace = pace
        self._bot_id = bot_id

    async def language(self, thread_id: UUID) -> str | None:
        """What they chose or write, and before that what their own Telegram speaks."""
        async with self._database.connection() as connection:
            found: str | None = await connection.fetchval(LANGUAGE, thread_id)
        return found

    async def draft(self, thread_id: UUID, question_id: UUID, text: str) -> None:
        """Show this as being written; the next one of the same question takes its place."""
        async with self._database.connection() as connection:
            chat_id = await connection.fetchval(CHAT, thread_id, self._bot_id)
        if chat_id is None or await self._pace.turn(chat_id, is_group=False):
            return
        outcome = await self._telegram.draft(chat_id, question_id.int % NUMBERS + 1, text)
        match outcome:
            case Later(seconds=seconds, is_for_all=True):
                await self._pace.freeze(seconds)
