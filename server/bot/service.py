"""What comes in from Telegram is kept once, whichever way it came; and how the bot is doing. Sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from server import clock
from server.auth.policy import Caller
from server.bot.constants import RelayStatus
from server.bot.gather import Gather
from server.bot.inquiry import Fetched, Inquiry
from server.bot.linking import LINK_SECONDS, link_word
from server.bot.pace import BOT, PATIENCE_SECONDS, bot_key
from server.bot.policy import bot_id, envelope, is_proven
from server.bot.relaying import OF_MESSAGE, REPEATABLE, Mark, mark
from server.bot.schemas import BotView, DeadUpdate, LinkView, PaceView
from server.bot.tasks import TakeInUpdates
from server.chat.access import Access
from server.chat.announcer import Announcer
from server.database import Database
from server.errors import Conflict, Missing, Unauthenticated, Unavailable
from server.pacing.limiter import Limiter
from server.queue import Task

KEEP = """
INSERT INTO updates (bot_id, update_id, chat_id, body)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[])
ON CONFLICT (bot_id, update_id) DO NOTHING
"""
NAMED = "INSERT INTO bots (id, username) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET username = excluded.username"
FIGURES = """
SELECT (SELECT received_at FROM updates WHERE bot_id = $1 ORDER BY id DESC LIMIT 1) AS last_update_at,
       (SELECT CAST(extract(epoch FROM clock_timestamp() - received_at) AS float8)
        FROM updates WHERE bot_id = $1 ORDER BY id DESC LIMIT 1) AS last_update_age_seconds,
       (SELECT count(*) FROM updates WHERE state = 'waiting' AND bot_id = $1) AS waiting_updates,
       (SELECT count(*) FROM updates WHERE state = 'dead' AND bot_id = $1) AS dead_updates,
       (SELECT count(*) FROM relays WHERE status IN ('queued', 'sending')) AS waiting_relays,
       (SELECT count(*) FROM relays WHERE status = 'unknown') AS unknown_relays
"""
DEAD = """
SELECT id, update_id, chat_id, tries, error, received_at FROM updates
WHERE state = 'dead' AND bot_id = $1 ORDER BY id LIMIT $2
"""
REPLAY = """
UPDATE updates SET state = 'waiting', tries = 0, due_at = now()
WHERE id = $1 AND bot_id = $2 AND state = 'dead' RETURNING id
"""

FILE = """
SELECT m.thread_id, m.kind, m.payload ->> 'file_id' AS file_id, m.payload ->> 'file_name' AS name,
  m.payload ->> 'mime_type' AS type
FROM messages m JOIN threads t ON t.id = m.thread_id
WHERE m.id = $1 AND t.kind = 'telegram' AND m.payload ->> 'file_id' IS NOT NULL
"""
# Of what Telegram names no type; photos are JPEG, whatever was sent.
TYPES = {"photo": "image/jpeg", "voice": "audio/ogg", "sticker": "image/webp", "video": "video/mp4"}

Row = tuple[int, int, int, str]


@dataclass(frozen=True, slots=True)
class FileFacts:
    """How a file is to be called, and shown."""

    name: str
    type: str


@dataclass
class Bot:
    """What the room works with; one a process, built by the roof. Without a token it is off."""

    database: Database
    say: Callable[[Task], None]
    token: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    mode: str = "polling"
    per_second: int = BOT.count
    keys: tuple[str, ...] = field(default=(), repr=False)
    limiter: Limiter | None = None

    def __post_init__(self) -> None:
        self.id = bot_id(self.token)
        self.incoming = Gather(self._keep)

    async def _keep(self, rows: Sequence[Row]) -> None:
        columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
        async with self.database.connection() as connection:
            await connection.execute(KEEP, *columns)


def check_sender(bot: Bot, given: str) -> None:
    """Raise Unauthenticated for whoever is not Telegram."""
    if not bot.token or not is_proven(given, bot.secrets):
        raise Unauthenticated("wrong_secret", "this address is for Telegram, which knows the secret")


async def accept(bot: Bot, body: bytes) -> None:
    """Keep one update; returns after the commit. The same one again changes nothing. Raises Unavailable, Invalid."""
    found = envelope(body)
    await bot.incoming.add((bot.id, found.update_id, found.chat_id, body.decode()))
    bot.say(TakeInUpdates())


async def name(bot: Bot, username: str) -> None:
    """Keep what the bot is called, for those who take updates in."""
    async with bot.database.connection() as connection:
        await connection.execute(NAMED, bot.id, username)


async def status(bot: Bot, telegram: Inquiry | None) -> BotView:
    """How the bot is doing, from the rows, and what Telegram says of it."""
    about = None if telegram is None else await telegram.about()
    async with bot.database.connection() as connection:
        row = await connection.fetchrow(FIGURES, bot.id)
    known = {"is_on": bool(bot.token), "bot_id": bot.id or None, "mode": bot.mode if bot.token else None}
    pace = None if bot.limiter is None or not bot.token else await _pace(bot, bot.limiter)
    return BotView(telegram=about, pace=pace, **known, **dict(row or {}))


async def _pace(bot: Bot, limiter: Limiter) -> PaceView:
    """What is booked for longer than anybody waits for a place was stopped by Telegram."""
    booked = await limiter.booked(bot_key(bot.id))
    stopped = booked if booked is None or booked > PATIENCE_SECONDS + 1.0 / bot.per_second else 0.0
    return PaceView(per_second=bot.per_second, stopped_seconds=stopped)


async def link(bot: Bot, telegram: Inquiry | None, caller: Caller) -> LinkView:
    """A link that makes the chat of whoever follows it the caller's. Raises Conflict, Unavailable."""
    if telegram is None:
        raise Conflict("bot_is_off", "there is no bot: set TELEGRAM_TOKEN")
    expires_at = clock.now().replace(microsecond=0) + timedelta(seconds=LINK_SECONDS)
    word = link_word(bot.keys[0], bot.id, caller.user, int(expires_at.timestamp()))
    url = f"https://t.me/{await telegram.username()}?start={word}"
    return LinkView(url=url, expires_at=expires_at)


async def dead(bot: Bot, limit: int) -> list[DeadUpdate]:
    """What was set aside, the oldest first."""
    async with bot.database.connection() as connection:
        rows = await connection.fetch(DEAD, bot.id, limit)
    return [DeadUpdate(**dict(row)) for row in rows]


async def replay(bot: Bot, row_id: int) -> None:
    """Try an update again that was set aside; raises Missing for any other."""
    async with bot.database.connection() as connection:
        found = await connection.fetchval(REPLAY, row_id, bot.id)
    if found is None:
        raise Missing("no_such_update", "there is no such update among those that were set aside")
    bot.say(TakeInUpdates())


async def file_of(
    bot: Bot, telegram: Inquiry | None, access: Access, caller: Caller, message_id: UUID
) -> tuple[FileFacts, Fetched]:
    """The file of a message on Telegram, for whoever may read the thread. Raises Missing, Invalid, Unavailable."""
    async with bot.database.connection() as connection:
        row = await connection.fetchrow(FILE, message_id)
    standing = None if row is None else await access.standing(caller, row["thread_id"])
    if row is None or standing is None or not standing.may_read:
        raise Missing("no_such_file", "there is no such file, or it is not yours")
    if telegram is None:
        raise Unavailable("telegram_unavailable", "the bot is off: set TELEGRAM_TOKEN", retry_after=60.0)
    facts = FileFacts(row["name"] or row["kind"], row["type"] or TYPES.get(row["kind"], ""))
    return facts, await telegram.fetch(row["file_id"])


async def send_again(bot: Bot, announcer: Announcer, message_id: UUID) -> None:
    """Have a message sent once more of which it is not known, or known not, that it arrived.

    A person decides that: what is unknown may arrive twice. Raises Missing, Conflict.
    """
    async with bot.database.connection() as connection:
        found = await connection.fetchrow(OF_MESSAGE, message_id)
        if found is None:
            raise Missing("no_such_message", "there is no such message that went out to Telegram")
        posted = await mark(connection, [Mark(found["id"], RelayStatus.QUEUED, allowed=REPEATABLE)])
    if not posted:
        raise Conflict("not_to_be_repeated", f"this message is {found['status']}: there is nothing to repeat")
    announcer.posted(posted)
