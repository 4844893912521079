"""Messages go out to Telegram: each contact's in order, and every attempt is recorded before it is made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from server import clock, metrics
from server.bot.client import AT_ONCE, Delivered, Later, Moved, Outcome, Refused, Telegram, Unclear
from server.bot.constants import RelayStatus
from server.bot.gather import Gather
from server.bot.pace import Pace
from server.bot.relaying import CLAIM, DERIVE, DERIVED, LOST, PUT_BACK, RECENT_SECONDS, STALE, Mark, mark
from server.bot.splitting import pieces
from server.chat.announcer import Announcer
from server.database import Database
from server.errors import Problem
from server.logging import named

FULL_EVERY_SECONDS = 30.0
BLOCKED = "UPDATE contacts SET blocked = true WHERE id = $1"
MOVED = "UPDATE contacts SET chat_id = $2 WHERE id = $1 AND NOT EXISTS (SELECT FROM contacts WHERE chat_id = $2)"
QUEUED = (RelayStatus.QUEUED,)

log = named("bot")

Row = Any


class Outbox:
    """Any number of processes may send at once; what one of them has claimed is its own."""

    def __init__(self, database: Database, announcer: Announcer, telegram: Telegram, pace: Pace, bot_id: int) -> None:
        self._database = database
        self._announcer = announcer
        self._telegram = telegram
        self._pace = pace
        self._bot_id = bot_id
        self._marks = Gather(self._mark)
        self._is_at_work = self._is_asked_again = False
        self._full_at = float("-inf")

    async def sweep(self) -> int:
        """Send all that is due; returns how many were tried. Asked again meanwhile, it looks once more."""
        self._is_asked_again = True
        if self._is_at_work:
            return 0
        self._is_at_work = True
        try:
            await self._give_up_on_the_lost()
            return await self._send_all()
        finally:
            self._is_at_work = False

    async def _send_all(self) -> int:
        sent, flying = 0, set[asyncio.Task[None]]()
        try:
            while self._is_asked_again or flying:
                if self._is_asked_again:
                    self._is_asked_again = False
                    await self._derive()
                rows = await self._claim(AT_ONCE - len(flying)) if len(flying) < AT_ONCE else []
                flying |= {asyncio.create_task(self._carry(row), name="relay") for row in rows}
                sent += len(rows)
                if flying:
                    done, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
                    self._is_asked_again |= bool(done)
        finally:
            if flying:  # cut short: what is on its way is recorded, or becomes unknown
                await asyncio.wait(flying)
        return sent

    async def _derive(self) -> None:
        """Rows for what was posted; now and then for threads, too, of which nobody said anything lately."""
        recent: float | None = RECENT_SECONDS
        if clock.monotonic() - self._full_at > FULL_EVERY_SECONDS:
            recent = None
        async with self._database.connection() as connection:
            while len(await connection.fetch(DERIVE, self._bot_id, recent, DERIVED)) == DERIVED:
                pass
        if recent is None:
            self._full_at = clock.monotonic()

    async def _claim(self, limit: int) -> Sequence[Row]:
        async with self._database.connection() as connection:
            return await connection.fetch(CLAIM, self._bot_id, limit)

    async def _carry(self, row: Row) -> None:
        """One message, all the way; what fails is logged, and a sweep finds the row again."""
        try:
            await self._relay(row)
        except Problem as error:
            log.warning("relay_waits", relay=str(row["id"]), reason=error.detail)
        except Exception:
            log.exception("relay_failed", relay=str(row["id"]))

    async def _relay(self, row: Row) -> None:
        parts = pieces(row["text"])
        if row["is_deleted"] or not parts:
            why = "it was deleted before it went out" if row["is_deleted"] else "it has no text to send"
            await self._marks.add(Mark(row["id"], RelayStatus.FAILED, why, allowed=QUEUED))
            return
        wait = await self._pace.turn(row["chat_id"], is_group=row["is_group"])
        if wait:
            await self._execute(PUT_BACK, row["id"], wait)
            return
        await self._marks.add(Mark(row["id"], RelayStatus.SENDING, allowed=QUEUED))
        taken: list[int] = []
        for number, part in enumerate(parts):
            if number:
                await self._pace.wait(row["chat_id"], is_group=row["is_group"])
            outcome = await self._telegram.send_text(row["chat_id"], part, None if number else _reply(row))
            if not isinstance(outcome, Delivered):
                await self._record(row, outcome, taken)
                return
            taken.append(outcome.telegram_id)
        await self._settle(row["id"], RelayStatus.SENT, None, taken)

    async def _record(self, row: Row, outcome: Outcome, taken: list[int]) -> None:
        match outcome:
            case Later() | Moved() if taken:  # to begin anew would say the first pieces twice
                await self._settle(row["id"], RelayStatus.UNKNOWN, "only its beginning has arrived", taken)
            case Later(seconds=seconds, reason=reason, is_for_all=is_for_all):
                if is_for_all:
                    await self._pace.freeze(seconds)
                await self._marks.add(Mark(row["id"], RelayStatus.QUEUED, reason, wait_seconds=seconds))
            case Moved(chat_id=chat_id):
                await self._execute(MOVED, row["contact_id"], chat_id)
                await self._marks.add(Mark(row["id"], RelayStatus.QUEUED))
            case Refused(status=status, reason=reason):
                if status == RelayStatus.BLOCKED:
                    await self._execute(BLOCKED, row["contact_id"])
                await self._settle(row["id"], RelayStatus(status), reason, taken)
            case Unclear(reason=reason):
                await self._settle(row["id"], RelayStatus.UNKNOWN, reason, taken)

    async def _settle(self, relay: UUID, status: RelayStatus, reason: str | None, taken: list[int]) -> None:
        metrics.relays.labels(status).inc()
        await self._marks.add(Mark(relay, status, reason, tuple(taken)))

    async def _give_up_on_the_lost(self) -> None:
        async with self._database.connection() as connection:
            lost = [row[0] for row in await connection.fetch(STALE)]
        for relay in lost:
            await self._settle(relay, RelayStatus.UNKNOWN, LOST, [])

    async def _mark(self, marks: Sequence[Mark]) -> None:
        async with self._database.connection() as connection:
            posted = await mark(connection, marks)
        if posted:
            self._announcer.posted(posted)

    async def _execute(self, statement: str, *values: object) -> None:
        async with self._database.connection() as connection:
            await connection.execute(statement, *values)


def _reply(row: Row) -> int | None:
    """Telegram's number of the message that this one answers."""
    if row["reply_relay"] is not None:
        return int(row["reply_relay"])
    client_id: str = row["reply_client"] or ""
    return int(client_id.partition(":")[2]) if client_id.startswith("telegram:") else None
