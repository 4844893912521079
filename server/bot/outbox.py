"""Messages go out to Telegram: each contact's in order, and every attempt is recorded before it is made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from server import clock, metrics
from server.bot import amending
from server.bot.client import AT_ONCE, Telegram, Upload
from server.bot.constants import RelayStatus
from server.bot.gather import Gather
from server.bot.outcomes import Delivered, Later, Moved, Outcome, Refused, Unclear
from server.bot.pace import Pace
from server.bot.parts import Part, Unsendable, parts_of
from server.bot.relaying import (
    CLAIM,
    DERIVE_ALL,
    DERIVE_LATELY,
    DERIVED,
    LOST,
    PUT_BACK,
    RECENT_SECONDS,
    STALE,
    Mark,
    mark,
)
from server.chat.announcer import Announcer
from server.database import Database
from server.errors import Problem, Unavailable
from server.logging import named

BACK_EVERY_SECONDS = 30.0
BACK_SECONDS = 300.0  # longer than any transaction lasts
RECORD_SECONDS = 45.0  # then the claim runs out, and the message becomes unknown
RECORD_AGAIN_SECONDS = 0.5
LATE_SECONDS = 0.1  # after its place was booked; what comes later takes another, or many would come at once
MARK_TRIES = 5
UPLOADS = 4  # at once: each is in memory as a whole, twice
UPLOAD_PATIENCE_SECONDS = 5.0
FILE = "SELECT name, content FROM files WHERE id = $1 AND thread_id = $2"
IS_THERE = "SELECT chat_id = $2 FROM contacts WHERE id = $1"
HAS_ITS_OWN = "the group has become a supergroup, which has a thread of its own here: write in that one"
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
        self._uploads = asyncio.Semaphore(UPLOADS)
        self._is_at_work = False
        self._again = asyncio.Event()  # something was said, or has landed: there may be more to send
        self._looked_back_at: datetime | None = None

    async def sweep(self) -> int:
        """Send all that is due; returns how many were tried. Asked again meanwhile, it looks once more."""
        self._again.set()
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
            while flying or self._again.is_set():
                await self._again.wait()
                self._again.clear()
                await self._derive()
                rows = await self._claim(AT_ONCE - len(flying)) if len(flying) < AT_ONCE else []
                for row in rows:
                    task = asyncio.create_task(self._carry(row), name="relay")
                    flying.add(task)
                    task.add_done_callback(flying.discard)
                    task.add_done_callback(lambda _: self._again.set())
                sent += len(rows)
        finally:
            if flying:  # cut short: what is on its way is recorded, or becomes unknown
                await asyncio.wait(set(flying))
        return sent

    async def _derive(self) -> None:
        """Rows for what was posted or amended lately; now and then for longer ago, and in the beginning for all."""
        began, before = clock.now(), self._looked_back_at  # by the clock on the wall: the machine may have slept
        unseen = 0.0 if before is None else (began - before).total_seconds()
        looks_back = before is None or not 0 <= unseen <= BACK_EVERY_SECONDS
        query, values = DERIVE_LATELY, [abs(unseen) + BACK_SECONDS if looks_back else RECENT_SECONDS]
        if before is None:
            query, values = DERIVE_ALL, []
        async with self._database.connection() as connection:
            while len(await connection.fetch(query, self._bot_id, DERIVED, *values)) == DERIVED:
                pass
        if looks_back:
            self._looked_back_at = began

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
        there: list[int] = list(row["telegram_ids"])
        try:
            parts = [] if row["is_deleted"] else parts_of(row["text"], row["payload"])
            if not parts and not there:
                why = "it was deleted before it went out" if row["is_deleted"] else "it has no text to send"
                raise Unsendable(why)
        except Unsendable as error:
            await self._marks.add(Mark(row["id"], RelayStatus.FAILED, str(error), tuple(there), allowed=QUEUED))
            return
        wait = await self._pace.turn(row["chat_id"], is_group=row["is_group"])
        if wait:
            await self._execute(PUT_BACK, row["id"], wait)
            return
        began = clock.monotonic()
        await self._marks.add(Mark(row["id"], RelayStatus.SENDING, telegram_ids=tuple(there), allowed=QUEUED))
        is_late = clock.monotonic() - began > LATE_SECONDS
        await self._say_all(row, parts, is_late=is_late)

    async def _say_all(self, row: Row, parts: Sequence[Part], *, is_late: bool) -> None:
        there: list[int] = list(row["telegram_ids"])
        taken: list[int] = []
        for number in range(max(len(parts), len(there))):
            needs_turn = number > 0 or is_late
            if needs_turn and not await self._pace.wait(row["chat_id"], is_group=row["is_group"]):
                await self._record(row, Later(1.0, "it is not its turn yet"), taken)
                return
            outcome = await self._say(row, parts[number : number + 1], there[number : number + 1], is_first=not number)
            if not isinstance(outcome, Delivered):
                await self._record(row, outcome, taken)
                return
            if number < len(parts):
                taken.append(outcome.telegram_id)
        await self._settle(row["id"], RelayStatus.SENT, None, taken)

    async def _say(self, row: Row, part: Sequence[Part], there: Sequence[int], *, is_first: bool) -> Outcome:
        """One part: sent, or, where Telegram has one already, edited or taken back."""
        if there and part:
            return await self._telegram.edit(row["chat_id"], there[0], part[0])
        if there:
            return await self._telegram.delete(row["chat_id"], there[0])
        reply_to = _reply(row) if is_first else None
        attachment = part[0].attachment
        if attachment is None or attachment.file is None:
            return await self._telegram.send(row["chat_id"], part[0], None, reply_to)
        try:
            async with asyncio.timeout(UPLOAD_PATIENCE_SECONDS):
                await self._uploads.acquire()
        except TimeoutError:
            return Later(1.0, "other files go first")
        try:
            return await self._send_up(row, part[0], attachment.file, reply_to)
        finally:
            self._uploads.release()

    async def _send_up(self, row: Row, part: Part, file: UUID, reply_to: int | None) -> Outcome:
        try:
            async with self._database.connection() as connection:
                found = await connection.fetchrow(FILE, file, row["thread_id"])
        except Unavailable as error:
            return Later(1.0, error.detail)
        if found is None:
            return Refused("failed", "its file is not there any more, or belongs to another thread")
        return await self._telegram.send(row["chat_id"], part, Upload(found["name"], found["content"]), reply_to)

    async def _record(self, row: Row, outcome: Outcome, taken: list[int]) -> None:
        match outcome:
            case Later(seconds=seconds, reason=reason, is_for_all=is_for_all):
                if is_for_all:
                    await self._pace.freeze(seconds)
                # What Telegram has already is then edited into what it is, which says nothing twice.
                there = (*taken, *row["telegram_ids"][len(taken) :])
                await self._keep(Mark(row["id"], RelayStatus.QUEUED, reason, there, wait_seconds=seconds))
            case Moved() if taken:
                await self._settle(row["id"], RelayStatus.UNKNOWN, "only its beginning has arrived", taken)
            case Moved(chat_id=chat_id):
                await self._follow(row, chat_id)
            case Refused(status=status, reason=reason):
                if status == RelayStatus.BLOCKED:
                    await self._blocked(row["contact_id"])
                await self._settle(row["id"], RelayStatus(status), reason, taken or row["telegram_ids"])
            case Unclear(reason=reason):
                await self._settle(row["id"], RelayStatus.UNKNOWN, reason, taken)

    async def _follow(self, row: Row, chat_id: int) -> None:
        """The group is to be found elsewhere: so is its thread, unless somebody has written from there before."""
        try:
            async with self._database.connection() as connection, connection.transaction():
                await amending.migrate(connection, self._bot_id, row["chat_id"], chat_id)
                has_moved = await connection.fetchval(IS_THERE, row["contact_id"], chat_id)
        except asyncpg.UniqueViolationError:  # at this very moment
            has_moved = False
        if has_moved:
            await self._keep(Mark(row["id"], RelayStatus.QUEUED))
        else:
            await self._settle(row["id"], RelayStatus.FAILED, HAS_ITS_OWN, row["telegram_ids"])

    async def _blocked(self, contact: UUID) -> None:
        async with self._database.connection() as connection, connection.transaction():
            await amending.reach(connection, contact, is_reachable=False)

    async def _settle(self, relay: UUID, status: RelayStatus, reason: str | None, taken: Sequence[int]) -> None:
        metrics.relays.labels(status).inc()
        await self._keep(Mark(relay, status, reason, tuple(taken)))

    async def _keep(self, outcome: Mark) -> None:
        """Record how it ended, even when PostgreSQL is away for a while: nobody else knows it."""
        until = clock.monotonic() + RECORD_SECONDS
        while True:
            try:
                return await self._marks.add(outcome)
            except Unavailable:
                if clock.monotonic() > until:
                    raise
            await asyncio.sleep(RECORD_AGAIN_SECONDS)

    async def _give_up_on_the_lost(self) -> None:
        async with self._database.connection() as connection:
            lost = await connection.fetch(STALE)
        for row in lost:
            await self._settle(row["id"], RelayStatus.UNKNOWN, LOST, row["telegram_ids"])

    async def _mark(self, marks: Sequence[Mark]) -> None:
        for last in (*(False,) * (MARK_TRIES - 1), True):
            try:
                async with self._database.connection() as connection:
                    posted = await mark(connection, marks)
                break
            except asyncpg.DeadlockDetectedError:  # with a drain, which meets threads in the order of updates
                if last:
                    raise
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
