"""Brings the deliveries of running campaigns to their people: a place, a claim, a call, a record. One of it a process.

The claim is committed before the call, and no transaction is open during it: whoever dies in the middle leaves a row
that says so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_never
from uuid import UUID

import msgspec

from server import clock, ids
from server.bot.facts import is_zone
from server.bot.gather import Gather
from server.bot.outcomes import Delivered, Later, Moved, Outcome, Refused, Unclear
from server.broadcast import statements
from server.broadcast.calendar import Schedule, allowed_at
from server.broadcast.client import Client, Revoked
from server.broadcast.constants import CALL_SECONDS, LEASE_SECONDS, TRIES, DeliveryState, OnUnknown
from server.broadcast.message import call_of, rendered, words_of
from server.broadcast.pace import Block, Share
from server.broadcast.records import Mark, Records
from server.broadcast.template import Content, Rendered
from server.chat.constants import AuthorKind
from server.chat.journal import Draft
from server.database import Database
from server.errors import Invalid, Missing, Problem, Unavailable
from server.logging import named

AT_ONCE = 256  # deliveries of one process that are claimed and not recorded
RUN_SECONDS = 5.0  # of claiming without being asked again; a process that is to end waits for no more than this
LOOK_SECONDS = 0.25  # between looks for what can be sent
LATE_SECONDS = 0.1  # after its place; what comes later takes another, or many would come at once
PATIENCE_SECONDS = 1.5  # for another place; longer would be felt when somebody pauses
BACK_OFF = 2.0  # seconds, doubled with every try
RECORD_SECONDS = 40.0  # then the claim runs out, and the delivery becomes unknown
RECORD_AGAIN_SECONDS = 0.5
CLOSE_SECONDS = CALL_SECONDS + 5.0
TELEGRAM = "telegram"

S = DeliveryState
log = named("broadcast")

Row = Any


@dataclass(frozen=True, slots=True)
class Sending:
    """A run as its deliveries need it; content is frozen, so it is read once."""

    id: UUID
    content: Content
    schedule: Schedule
    is_paid: bool
    is_resent: bool  # what nobody knows of
    ignores_cap: bool
    own: tuple[str, float] | None


@dataclass(frozen=True, slots=True)
class Place:
    """When a delivery may leave, by the bot's pace and by its chat's, and when it was claimed."""

    at: float
    chat_at: float
    claimed_at: float


@dataclass(frozen=True, slots=True)
class Cap:
    """By how many campaigns one person is told in so many seconds; 0: by any number."""

    count: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What the courier works with."""

    database: Database
    client: Client
    share: Share
    journal_of: Callable[[Draft], asyncio.Future[Any]]
    records: Records
    cap: Cap


class Courier:
    """`run` claims and sends for a while; called meanwhile, it goes on for longer."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._marks = Gather(tools.records.write)
        self._flying: set[asyncio.Task[None]] = set()
        self._landed = asyncio.Event()
        self._known: dict[UUID, Sending] = {}
        self._active: list[UUID] = []
        self._looked_at = self._ends_at = float("-inf")
        self._is_running = False

    async def run(self) -> int:
        """Send what is due; returns how many were claimed. One run at a time in a process."""
        self._ends_at = clock.monotonic() + RUN_SECONDS
        if self._is_running:
            return 0
        self._is_running = True
        try:
            return await self._run()
        finally:
            self._is_running = False

    async def close(self) -> None:
        """Wait for what is on its way; what is left then becomes unknown when its lease ends."""
        if self._flying:
            await asyncio.wait(self._flying, timeout=CLOSE_SECONDS)

    async def _run(self) -> int:
        claimed = 0
        while clock.monotonic() < self._ends_at:
            if len(self._flying) >= AT_ONCE:
                await self._until_landed()
                continue
            sending = await self._next()
            if sending is None and not self._flying:
                break
            if sending is None:
                await self._until_landed()
                continue
            claimed += await self._block(sending)
        return claimed

    async def _until_landed(self) -> None:
        self._landed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._landed.wait(), LOOK_SECONDS)

    async def _next(self) -> Sending | None:
        """The runs in turn. What was seen to have nothing more to send is left out until the next look."""
        if clock.monotonic() - self._looked_at > LOOK_SECONDS:
            self._looked_at = clock.monotonic()
            async with self._tools.database.connection() as connection:
                rows = await connection.fetch(statements.ACTIVE)
            known = self._known
            self._known = {row["id"]: known.get(row["id"]) or _sending(row) for row in rows}
            self._active = list(self._known)
        if not self._active:
            return None
        self._active.append(self._active.pop(0))
        return self._known[self._active[-1]]

    async def _block(self, sending: Sending) -> int:
        """Some places, and as many deliveries for them."""
        block = await self._tools.share.book(AT_ONCE - len(self._flying), is_paid=sending.is_paid, own=sending.own)
        if not isinstance(block, Block):
            await asyncio.sleep(min(block, LOOK_SECONDS))
            return 0
        began = clock.monotonic()
        rows = await self._claim(sending, block.count)
        if len(rows) < block.count and sending.id in self._active:
            self._active.remove(sending.id)
        chats = await self._tools.share.chats([row["chat_id"] or 0 for row in rows])
        for number, (row, wait) in enumerate(zip(rows, chats, strict=True)):
            place = None if wait is None else Place(block.place(number), clock.monotonic() + wait, began)
            task = asyncio.create_task(self._carry(sending, row, place), name="delivery")
            self._flying.add(task)
            task.add_done_callback(self._land)
        return len(rows)

    async def _claim(self, sending: Sending, most: int) -> list[Row]:
        cap = self._tools.cap
        values = (sending.id, most, cap.count, cap.seconds)
        async with self._tools.database.connection() as connection:
            if not cap.count or sending.ignores_cap:
                return list(await connection.fetch(statements.CLAIM, *values))
            async with connection.transaction():
                await connection.execute(statements.CAP_TURN)
                return list(await connection.fetch(statements.CLAIM, *values))

    def _land(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        self._landed.set()

    async def _carry(self, sending: Sending, row: Row, place: Place | None) -> None:
        """One delivery to its end. Whatever cannot be recorded is left to the lease."""
        try:
            quiet = _quiet_seconds(sending, row)
            if quiet > 0:
                mark = _mark(sending, row, S.QUEUED, "these are quiet hours there", wait_seconds=quiet)
            elif row["channel"] == TELEGRAM:
                mark = await self._send(sending, row, place)
            else:
                mark = await self._post(sending, row)
            await self._keep(mark)
        except Problem as error:
            log.warning("delivery_unrecorded", run=str(sending.id), contact=str(row["contact_id"]), why=error.detail)
        except Exception:  # one of them must not end the others
            log.exception("delivery_failed", run=str(sending.id), contact=str(row["contact_id"]))

    async def _send(self, sending: Sending, row: Row, place: Place | None) -> Mark:
        try:
            message = _message(sending, row)
        except Invalid as error:
            return _mark(sending, row, S.FAILED, error.detail)
        if place is None:
            return _mark(sending, row, S.QUEUED, "people are talking in this chat", wait_seconds=1.0)
        await asyncio.sleep(max(place.at, place.chat_at) - clock.monotonic())
        if clock.monotonic() - place.at > LATE_SECONDS:
            until = clock.monotonic() + PATIENCE_SECONDS
            if not await self._tools.share.again(is_paid=sending.is_paid, until=until):
                return _mark(sending, row, S.QUEUED, "it is not its turn yet")
        if clock.monotonic() - place.claimed_at > LEASE_SECONDS - CALL_SECONDS - RECORD_AGAIN_SECONDS:
            return _mark(sending, row, S.QUEUED, "its sender stood still")  # the lease may end during the call
        method, fields = call_of(row["chat_id"], message, is_paid=sending.is_paid)
        try:
            outcome = await self._tools.client.call(method, fields)
        except Revoked:
            await self._tools.records.pause(
                sending.id, "Telegram does not know the bot's token: correct TELEGRAM_TOKEN"
            )
            return _mark(sending, row, S.QUEUED, "Telegram does not know the bot's token")
        return await self._judged(sending, row, outcome)

    async def _judged(self, sending: Sending, row: Row, outcome: Outcome) -> Mark:
        match outcome:
            case Delivered(telegram_id=number):
                return _mark(sending, row, S.SENT, None, message_id=number)
            case Later(seconds=seconds, reason=reason, is_for_all=True):
                await self._tools.share.freeze(seconds)
                return _mark(sending, row, S.QUEUED, reason, wait_seconds=seconds)
            case Later(reason=reason) if row["tries"] + 1 >= TRIES:
                return _mark(sending, row, S.FAILED, f"tried {TRIES} times: {reason}", is_try=True)
            case Later(reason=reason):
                return _mark(sending, row, S.QUEUED, reason, wait_seconds=BACK_OFF * 2 ** row["tries"], is_try=True)
            case Moved():
                return _mark(sending, row, S.FAILED, "the group has become another chat")
            case Refused(status=status, reason=reason):
                return _mark(sending, row, S(status), reason)
            case Unclear(reason=reason) if sending.is_resent and row["tries"] + 1 < TRIES:
                return _mark(sending, row, S.QUEUED, reason, wait_seconds=BACK_OFF * 2 ** row["tries"], is_try=True)
            case Unclear(reason=reason):
                return _mark(sending, row, S.UNKNOWN, reason)
        assert_never(outcome)

    async def _post(self, sending: Sending, row: Row) -> Mark:
        """To somebody on the web: a message in their thread. The same `client_id` again is the same message."""
        try:
            draft = Draft(
                ids.new(),
                row["thread_id"],
                None,
                AuthorKind.SYSTEM,
                words_of(_message(sending, row)),
                client_id=f"campaign:{sending.id}",
            )
            await self._tools.journal_of(draft)
        except (Missing, Invalid) as error:
            return _mark(sending, row, S.FAILED, error.detail)
        except Problem as error:
            return _mark(sending, row, S.QUEUED, error.detail, wait_seconds=error.retry_after or BACK_OFF)
        return _mark(sending, row, S.SENT, None)

    async def _keep(self, mark: Mark) -> None:
        """Record how it ended, even when PostgreSQL is away for a while: nobody else knows it."""
        until = clock.monotonic() + RECORD_SECONDS
        while True:
            try:
                return await self._marks.add(mark)
            except Unavailable:
                if clock.monotonic() > until:
                    raise
            await asyncio.sleep(RECORD_AGAIN_SECONDS)


def _sending(row: Row) -> Sending:
    content = Content.model_validate_json(row["content"])
    schedule = Schedule.model_validate_json(row["schedule"])
    own = None if row["per_second"] is None else (f"run:{row['id']}", row["per_second"])
    return Sending(
        row["id"],
        content,
        schedule,
        is_paid=row["paid_messages"] > 0,
        is_resent=row["on_unknown"] == OnUnknown.RESEND,
        ignores_cap=row["ignores_cap"],
        own=own,
    )


def _message(sending: Sending, row: Row) -> Rendered:
    """Raises Invalid for what this person cannot be told."""
    return rendered(sending.content, row["language"], msgspec.json.decode(row["variables"]))


def _quiet_seconds(sending: Sending, row: Row) -> float:
    """How long nobody may be disturbed where this person is."""
    schedule = sending.schedule
    if schedule.quiet_from is None and schedule.weekdays is None:
        return 0.0
    now, zone = clock.now(), msgspec.json.decode(row["variables"]).get("timezone")
    return (allowed_at(schedule, now, zone if is_zone(zone) else schedule.zone) - now).total_seconds()


def _mark(sending: Sending, row: Row, state: DeliveryState, reason: str | None, **more: Any) -> Mark:
    return Mark(sending.id, row["contact_id"], row["claim"], state, reason, **more)
