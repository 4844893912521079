"""Who is outside and what is known of them: found, changed, counted, and brought in from files. Sends nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from server import ids
from server.bot.constants import IMPORT_BATCH, IMPORT_REFUSALS, IMPORT_SECONDS, IMPORTS_AT_ONCE
from server.bot.facts import ATTRIBUTES
from server.bot.imports import Line, Reader, Unreadable
from server.bot.schemas import ContactChange, ContactImport, ContactView, NewContact, RefusedLine, TagCount
from server.bot.service import Bot
from server.bot.statements import LOCK, TOLD
from server.chat.constants import Happening
from server.chat.names import OUTSIDE
from server.errors import Conflict, Invalid, Limited, Missing

TAGS_SHOWN = 1_000
COLLISIONS = 5  # with others who make or change the same contacts at this moment
SHOWN = """c.id, c.chat_id, c.channel, c.kind, c.name, c.language, c.opted_out, c.blocked, c.tags, c.attributes,
  c.thread_id, c.user_id, c.seen_at, c.created_at"""
ONE = f"SELECT {SHOWN} FROM contacts c WHERE c.id = $1"
CHANGE = """
UPDATE contacts SET tags = $2, attributes = $3::text::jsonb, language = $4, opted_out = $5 WHERE id = $1
"""
TAGGED = "SELECT tag, count(*) AS count FROM contacts, unnest(tags) tag GROUP BY tag ORDER BY 2 DESC, 1 LIMIT $1"
# Threads of people who never wrote stand behind all others: `epoch`. Tags and attributes are added, none goes; whoever
# wants no campaigns is not talked back into them by a file.
BRING_IN = f"""
WITH asked AS (
  SELECT * FROM json_to_recordset($2::text::json) AS a(chat_id bigint, id uuid, thread_id uuid, name text,
    language text, tags text[], attributes jsonb, opted_out boolean)
), fresh AS (
  SELECT a.* FROM asked a WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.bot_id = $1 AND c.chat_id = a.chat_id)
), threads_made AS (
  INSERT INTO threads (id, kind, subject, slug, epoch, active_at)
  SELECT thread_id, 'telegram', coalesce(nullif(name, ''), chat_id::text), '{OUTSIDE}' || $1::bigint || ':' || chat_id,
    right(thread_id::text, 8), 'epoch' FROM fresh
), made AS (
  INSERT INTO contacts (id, bot_id, chat_id, thread_id, kind, name, language, tags, attributes, opted_out)
  SELECT id, $1, chat_id, thread_id, 'private', name, language, tags, attributes, opted_out FROM fresh RETURNING 1
), changed AS (
  UPDATE contacts c SET name = coalesce(nullif(a.name, ''), c.name), language = coalesce(a.language, c.language),
    opted_out = c.opted_out OR a.opted_out, attributes = c.attributes || a.attributes,
    tags = ARRAY(SELECT DISTINCT unnest(c.tags || a.tags) ORDER BY 1)
  FROM asked a WHERE c.bot_id = $1 AND c.chat_id = a.chat_id AND NOT (
    c.tags @> a.tags AND c.attributes @> a.attributes AND (c.opted_out OR NOT a.opted_out)
    AND a.name IN ('', c.name) AND coalesce(a.language = c.language, a.language IS NULL))
  RETURNING 1
)
SELECT (SELECT count(*) FROM made), (SELECT count(*) FROM changed)
"""


@dataclass
class Directory:
    """What the verbs here work with; one a process."""

    bot: Bot
    imports: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which contacts a listing is for; None: whatever it is."""

    tag: str | None = None
    language: str | None = None
    opted_out: bool | None = None
    blocked: bool | None = None
    q: str | None = None
    thread_id: UUID | None = None
    channel: str | None = None


async def listing(bot: Bot, wanted: Wanted, *, limit: int, cursor: str | None) -> tuple[list[ContactView], str | None]:
    """A page, the newest first, and the cursor of the next."""
    conditions, values = ["true"], list[object]()
    for value, condition in (
        (wanted.tag, "c.tags @> ARRAY[{}::text]"),
        (wanted.language, "(lower(c.language) = {0} OR starts_with(lower(c.language), {0}::text || '-'))"),
        (wanted.opted_out, "c.opted_out = {}"),
        (wanted.blocked, "c.blocked = {}"),
        (wanted.q, "(strpos(lower(c.name), lower({0}::text)) > 0 OR c.chat_id::text = {0})"),
        (wanted.thread_id, "c.thread_id = {}"),
        (wanted.channel, "c.channel = {}"),
        (_read_cursor(cursor), "c.id < {}"),
    ):
        if value is not None:
            values.append(value)
            conditions.append(condition.format(f"${len(values)}"))
    query = f"SELECT {SHOWN} FROM contacts c WHERE {' AND '.join(conditions)} ORDER BY c.id DESC LIMIT {limit + 1:d}"
    async with bot.database.connection() as connection:
        rows = await connection.fetch(query, *values)
    following = str(rows[limit - 1]["id"]) if len(rows) > limit else None
    return [_view(row) for row in rows[:limit]], following


async def contact(bot: Bot, contact_id: UUID) -> ContactView:
    """One of them; raises Missing."""
    async with bot.database.connection() as connection:
        return _found(await connection.fetchrow(ONE, contact_id))


async def change(bot: Bot, contact_id: UUID, given: ContactChange) -> ContactView:
    """Change what is given, leave the rest. Raises Missing; Invalid for too many attributes."""
    async with bot.database.connection() as connection, connection.transaction():
        await connection.execute(LOCK, contact_id)
        now = _found(await connection.fetchrow(f"{ONE} FOR UPDATE", contact_id))
        values = given.model_dump(exclude_unset=True)
        merged = {**now.attributes, **(values.pop("attributes", None) or {})}
        attributes = {name: value for name, value in merged.items() if value is not None}
        if len(attributes) > ATTRIBUTES:
            raise Invalid("too_many_attributes", f"a contact may have {ATTRIBUTES} attributes; remove some with null")
        if values.get("tags") is not None:
            values["tags"] = sorted(set(values["tags"]))
        kept = {name: value for name, value in values.items() if value is not None or name == "language"}
        changed = now.model_copy(update={**kept, "attributes": attributes})
        facts = (changed.tags, json.dumps(attributes), changed.language, changed.opted_out)
        if changed != now:
            await connection.execute(CHANGE, contact_id, *facts)
            await connection.execute(TOLD, [ids.new()], [contact_id], str(Happening.CONTACT_CHANGED))
    return changed


async def tags(bot: Bot) -> list[TagCount]:
    """The tags that contacts carry, the most frequent first."""
    async with bot.database.connection() as connection:
        rows = await connection.fetch(TAGGED, TAGS_SHOWN)
    return [TagCount(tag=row["tag"], count=row["count"]) for row in rows]


async def bring_in(directory: Directory, pieces: AsyncIterator[bytes]) -> ContactImport:
    """Take a CSV file in as it comes, some hundred contacts in a transaction.

    A line that is refused is reported with its number; the file may be sent again at any time, and then only what
    differs changes. Raises Conflict without a bot, Limited while others import, Invalid for a file that cannot be read.
    """
    if not directory.bot.id:
        raise Conflict("bot_is_off", "there is no bot whose contacts these could be: set TELEGRAM_TOKEN")
    if directory.imports >= IMPORTS_AT_ONCE:
        raise Limited("too_many_imports", "other files are being imported; repeat in a moment", retry_after=5.0)
    directory.imports += 1
    try:
        return await _Intake(directory.bot).carry_out(pieces)
    finally:
        directory.imports -= 1


@dataclass
class _Intake:
    """One file on its way in."""

    bot: Bot
    created: int = 0
    updated: int = 0
    taken: int = 0
    refused: list[RefusedLine] = field(default_factory=list)
    batch: dict[int, NewContact] = field(default_factory=dict)

    async def carry_out(self, pieces: AsyncIterator[bytes]) -> ContactImport:
        reader, stopped_at = Reader(), None
        try:
            while (piece := await _next(pieces)) is not None:
                await self._take(reader.feed(piece))
            await self._take(reader.finish())
        except Unreadable as error:
            self.refused.append(RefusedLine(line=error.line, reason=error.reason))
            stopped_at = error.line
        except _Enough:
            stopped_at = self.refused[-1].line
        await self._write()
        unchanged = self.taken - self.created - self.updated
        return ContactImport(
            created=self.created,
            updated=self.updated,
            unchanged=unchanged,
            refused=self.refused,
            stopped_at=stopped_at,
        )

    async def _take(self, lines: Iterator[Line | RefusedLine]) -> None:
        for line in lines:
            if not isinstance(line, Line):
                self.refused.append(line)
                if len(self.refused) >= IMPORT_REFUSALS:
                    raise _Enough
                continue
            # Of two lines for the same person, the later one is written later.
            if len(self.batch) >= IMPORT_BATCH or line.contact.chat_id in self.batch:
                await self._write()
            self.batch[line.contact.chat_id] = line.contact

    async def _write(self) -> None:
        if not self.batch:
            return
        contacts = sorted(self.batch.values(), key=lambda each: each.chat_id)
        rows = [{**each.model_dump(), "id": str(ids.new()), "thread_id": str(ids.new())} for each in contacts]
        created, updated = await self._commit(json.dumps(rows))
        self.created += created
        self.updated += updated
        self.taken += len(contacts)
        self.batch = {}

    async def _commit(self, rows: str) -> tuple[int, int]:
        for _ in range(COLLISIONS):
            try:
                async with self.bot.database.connection() as connection:
                    created, updated = await connection.fetchrow(BRING_IN, self.bot.id, rows) or (0, 0)
                    return created, updated
            except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError):
                continue  # somebody else made or changed one of them at this moment: now they are found
        raise Conflict("contacts_contested", "others change the same contacts at this moment; send the file again")


class _Enough(Exception):
    """So many lines were refused that the rest is not looked at."""


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    try:
        async with asyncio.timeout(IMPORT_SECONDS):
            return await anext(pieces, None)
    except TimeoutError as error:
        slow = f"nothing came for {IMPORT_SECONDS:.0f} seconds; send the file again: what is in stays as it is"
        raise Invalid("bad_import", slow) from error


def _found(row: Any) -> ContactView:
    if row is None:
        raise Missing("no_such_contact", "there is no such contact")
    return _view(row)


def _view(row: Any) -> ContactView:
    return ContactView(**{**dict(row), "attributes": json.loads(row["attributes"])})


def _read_cursor(cursor: str | None) -> UUID | None:
    try:
        return None if cursor is None else UUID(cursor)
    except ValueError as error:
        raise Invalid("bad_cursor", "a cursor comes from the `next` of an earlier page") from error
