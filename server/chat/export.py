"""A thread's or a person's data as JSON lines, written by PostgreSQL, read from one snapshot a little at a time."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID

from server import clock
from server.auth import service as auth_service
from server.auth.policy import Caller
from server.chat import service
from server.chat.retention import FIRST
from server.chat.service import Chat
from server.chat.statements import message_json
from server.database import Database, PlainConnection
from server.errors import Limited
from server.logging import named

AT_ONCE = 2  # exports of one process: each holds a connection and a snapshot
LASTING_SECONDS = 600.0  # a snapshot held for longer would keep PostgreSQL from cleaning up
PREFETCH = 100  # rows in memory
PIECE_CHARACTERS = 32_768
WALK = 2_000  # messages with reactions that are looked at in one query

log = named("export")


def _line(kind: str, query: str) -> str:
    """The statement whose every row is one line: an object that says in `type` what it is."""
    return f"""SELECT CAST(json_build_object('type', '{kind}', 'data', row_to_json(r)) AS text) FROM ({query}) r"""


_MESSAGE = "SELECT CAST(json_build_object('type', 'message', 'data', CAST({json} AS json)) AS text) FROM {source}"
_REVISION = "r.message_id, r.text, r.tags, r.replaced_by, r.replaced_at"

THREAD = (
    _line(
        "thread",
        "SELECT id, kind, subject, status, slug, attached_to, created_by, handled_by, tags, posted, "
        "active_at, created_at FROM threads WHERE id = $1",
    ),
    _line(
        "member",
        "SELECT m.user_id, u.name, m.capability, m.joined_at FROM members m JOIN users u ON u.id = m.user_id "
        "WHERE m.thread_id = $1",
    ),
    _MESSAGE.format(json=message_json("m"), source="messages m WHERE m.thread_id = $1 ORDER BY m.number"),
    _line(
        "revision", f"SELECT {_REVISION} FROM messages m JOIN revisions r ON r.message_id = m.id WHERE m.thread_id = $1"
    ),
)
_SPOKEN = "read_markers k JOIN messages m ON m.thread_id = k.thread_id AND m.author_id = k.user_id"
PERSON = (
    _line("person", "SELECT id, email, name, role, is_guest, language, created_at FROM users WHERE id = $1"),
    _line(
        "session",
        "SELECT id, user_agent, created_at, refreshed_at, expires_at, revoked_at FROM sessions WHERE user_id = $1",
    ),
    _line(
        "access_token",
        "SELECT id, name, prefix, role, created_at, expires_at, last_used_at, revoked_at "
        "FROM access_tokens WHERE user_id = $1",
    ),
    _line(
        "membership",
        "SELECT m.thread_id, t.kind, t.subject, m.capability, m.joined_at FROM members m "
        "JOIN threads t ON t.id = m.thread_id WHERE m.user_id = $1",
    ),
    _line("read_marker", "SELECT thread_id, number FROM read_markers WHERE user_id = $1"),
    _MESSAGE.format(json=message_json("m"), source=f"{_SPOKEN} WHERE k.user_id = $1"),
    _line(
        "revision", f"SELECT {_REVISION} FROM {_SPOKEN} JOIN revisions r ON r.message_id = m.id WHERE k.user_id = $1"
    ),
)
REACTED = """
SELECT id, CASE WHEN strpos(reactions::text, $1) > 0 THEN CAST(json_build_object('type', 'reaction', 'data',
         json_build_object('message_id', id, 'thread_id', thread_id, 'emoji',
           (SELECT json_agg(e.emoji) FROM jsonb_each(reactions) AS e(emoji, people) WHERE people ? $1))) AS text) END
FROM messages WHERE reactions <> '{}' AND id > $2 ORDER BY id LIMIT $3
"""


class Exports:
    """Those that are under way in this process; one a process, built by the roof."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._count = 0

    async def begin(self, kind: str, target: UUID) -> AsyncGenerator[str, None]:
        """Pieces of lines, the first of which is there when this returns; close them. Raises Limited, Unavailable.

        The first line says what it is, the last one `end`: an export without it was broken off.
        """
        pieces = self._pieces(kind, target)
        first = await anext(pieces)  # what goes wrong until here is an answer of its own

        async def all_of_them() -> AsyncGenerator[str, None]:
            async with aclosing(pieces):
                yield first
                async for piece in pieces:
                    yield piece

        return all_of_them()

    async def _pieces(self, kind: str, target: UUID) -> AsyncGenerator[str, None]:
        if self._count >= AT_ONCE:
            raise Limited("too_many_exports", "other exports are under way; try again soon", retry_after=5.0)
        self._count += 1
        until = clock.monotonic() + LASTING_SECONDS
        head = {"type": "export", "data": {"of": kind, "id": str(target), "made_at": clock.now().isoformat()}}
        piece, size, lines = [json.dumps(head)], 0, 1
        try:
            async with (
                self._database.connection() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield _joined(piece)
                piece = []
                async for line in _lines(connection, kind, target):
                    if clock.monotonic() > until:
                        log.warning("export_broken_off", kind=kind, lines=lines)
                        return
                    piece.append(line)
                    size, lines = size + len(line), lines + 1
                    if size >= PIECE_CHARACTERS:
                        yield _joined(piece)
                        piece, size = [], 0
            piece.append(json.dumps({"type": "end", "data": {"lines": lines + 1}}))
            yield _joined(piece)
        finally:
            self._count -= 1


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


async def _lines(connection: PlainConnection, kind: str, target: UUID) -> AsyncGenerator[str, None]:
    for query in THREAD if kind == "thread" else PERSON:
        async for row in connection.cursor(query, target, prefetch=PREFETCH):
            yield row[0]
    after, is_full = FIRST, kind == "person"
    while is_full:
        rows = await connection.fetch(REACTED, str(target), after, WALK)
        for row in rows:
            if row[1] is not None:
                yield row[1]
        is_full = len(rows) == WALK
        after = rows[-1][0] if rows else after


async def of_thread(exports: Exports, chat: Chat, caller: Caller, thread_id: UUID) -> AsyncGenerator[str, None]:
    """A whole thread, for those who manage it; raises Missing or Forbidden."""
    await service.check_manager(chat, caller, thread_id)
    return await exports.begin("thread", thread_id)


async def of_person(exports: Exports, chat: Chat, user_id: UUID) -> AsyncGenerator[str, None]:
    """All that is kept of a person and all that they wrote; raises Missing for nobody."""
    async with chat.database.transaction() as tx:
        await auth_service.person(tx, user_id)
    return await exports.begin("person", user_id)
