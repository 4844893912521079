"""What was heard changes a contact: one statement each, and told to systems outside in the same transaction."""

from __future__ import annotations

import re
from uuid import UUID

from server import ids
from server.bot.contacts import Known
from server.bot.speech import Speech
from server.bot.statements import LOCK, TOLD
from server.chat.constants import Happening
from server.chat.names import OUTSIDE
from server.database import PlainConnection

REACHED = "UPDATE contacts SET blocked = $2 WHERE id = $1 AND blocked <> $2 RETURNING id"
OPTED = """
UPDATE contacts SET opted_out = $2, blocked = false
WHERE id = $1 AND (opted_out, blocked) <> ($2, false) RETURNING id
"""
LINK = """
UPDATE contacts c SET user_id = u.id FROM users u WHERE c.id = $1 AND u.id = $2 AND u.banned_at IS NULL RETURNING u.name
"""
SPEAK = """
UPDATE contacts SET language = $2, language_heard = $3, language_chosen = $4
WHERE id = $1 RETURNING id
"""
# Unless somebody has written from there before: then both keep their threads.
MIGRATE = f"""
WITH moved AS (
  UPDATE contacts c SET chat_id = $3 WHERE bot_id = $1 AND chat_id = $2
    AND NOT EXISTS (SELECT FROM contacts o WHERE o.bot_id = $1 AND o.chat_id = $3) RETURNING id, thread_id
)
UPDATE threads t SET slug = '{OUTSIDE}' || $1::bigint || ':' || $3::bigint FROM moved WHERE t.id = moved.thread_id
RETURNING moved.id
"""
PRESSED = """
INSERT INTO presses AS p (contact_id, telegram_id, data) VALUES ($1, $2, $3)
ON CONFLICT (contact_id, telegram_id, data) DO UPDATE SET count = p.count + 1, at = now()
"""
MIGRATES = "SELECT id FROM contacts WHERE bot_id = $1 AND chat_id = $2"
LINKED = "This chat belongs to the account **{}** from now on. If that is not yours, write to us here."
NOT_LINKED = "This link is too old or not whole, and this chat belongs to no account by it. Ask for a new one."


async def reach(connection: PlainConnection, contact: UUID, *, is_reachable: bool) -> None:
    """Whether anything still arrives there."""
    await _change(connection, contact, REACHED, not is_reachable)


async def opt_out(connection: PlainConnection, contact: Known, *, is_out: bool) -> None:
    """Whether they want announcements; whoever says so is reachable, too."""
    await _change(connection, contact.id, OPTED, is_out)


async def link(connection: PlainConnection, contact: Known, user: UUID | None) -> str:
    """Whose account it is, where there is such a one; returns what to say to it."""
    name = None if user is None else await _change(connection, contact.id, LINK, user)
    return NOT_LINKED if name is None else LINKED.format(re.sub(r"([^\w\s])", r"\\\1", str(name)))


async def press(connection: PlainConnection, contact: Known, telegram_id: int, data: str) -> None:
    """Count that they pressed a button; whoever sent the message finds it by Telegram's number."""
    await connection.execute(PRESSED, contact.id, telegram_id, data)


async def speak(connection: PlainConnection, contact: Known, speech: Speech) -> None:
    """In which language they are answered; systems outside are told when it is another one."""
    values = (contact.id, speech.language, speech.heard, speech.is_chosen)
    if speech.language == contact.speech.language:
        await connection.execute(SPEAK, *values)
    else:
        await _change(connection, contact.id, SPEAK, *values[1:])


async def migrate(connection: PlainConnection, bot_id: int, was: int, becomes: int) -> None:
    """The group is at another number, with the thread it had."""
    found = await connection.fetchval(MIGRATES, bot_id, was)
    if found is not None:
        await connection.execute(LOCK, found)
        if await connection.fetchval(MIGRATE, bot_id, was, becomes) is not None:
            await _tell(connection, found)


async def _change(connection: PlainConnection, contact: UUID, statement: str, *values: object) -> object:
    await connection.execute(LOCK, contact)
    changed: object = await connection.fetchval(statement, contact, *values)
    if changed is not None:
        await _tell(connection, contact)
    return changed


async def _tell(connection: PlainConnection, contact: UUID) -> None:
    await connection.execute(TOLD, [ids.new()], [contact], str(Happening.CONTACT_CHANGED))
