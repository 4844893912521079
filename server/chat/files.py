"""Files of threads: kept in PostgreSQL, read by whoever may read the thread, removed when no message names them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from server import ids
from server.auth.policy import Caller
from server.chat.schemas import FileView
from server.chat.service import Chat
from server.chat.standing import checked_for_posting
from server.errors import Invalid, Limited, Missing

AT_ONCE = 8  # uploads of one process, each in memory as a whole
PIECE_BYTES = 262_144
TYPE_CHARACTERS = 100

KEEP = """
INSERT INTO files (id, thread_id, name, type, size, content) VALUES ($1, $2, $3, $4, $5, $6) RETURNING created_at
"""
ABOUT = "SELECT thread_id, name, type, size FROM files WHERE id = $1"
PIECE = "SELECT substring(content FROM $2 FOR $3) FROM files WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Found:
    """A file that somebody may read, piece by piece."""

    name: str
    type: str
    size: int
    pieces: AsyncGenerator[bytes, None]


class Files:
    """What this room works with; one a process, built by the roof."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._places = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Room for one upload; raises Limited when there is none."""
        if self._places.locked():
            raise Limited("too_many_uploads", "too many files come in at this moment; repeat", retry_after=2.0)
        async with self._places:
            yield

    async def check(self, caller: Caller, thread_id: UUID) -> None:
        """Raise Missing or Forbidden for whoever may not post in the thread."""
        checked_for_posting(await self._chat.access.standing(caller, thread_id))

    async def keep(self, thread_id: UUID, name: str, kind: str, content: bytes) -> FileView:
        """Keep a file; a message of the thread has to name it within a day. Raises Invalid for an empty one."""
        if not content:
            raise Invalid("empty_file", "the body is the file, and it is empty")
        file_id, named = ids.new(), kind.partition(";")[0].strip().lower()[:TYPE_CHARACTERS]
        kind = named if named.isprintable() and "/" in named else "application/octet-stream"
        async with self._chat.database.connection() as connection:
            at = await connection.fetchval(KEEP, file_id, thread_id, name, kind, len(content), content)
        return FileView(id=file_id, thread_id=thread_id, name=name, type=kind, size=len(content), created_at=at)

    async def read(self, caller: Caller, file_id: UUID) -> Found:
        """A file of a thread that the caller may read; raises Missing for any other."""
        async with self._chat.database.connection() as connection:
            row = await connection.fetchrow(ABOUT, file_id)
        standing = None if row is None else await self._chat.access.standing(caller, row["thread_id"])
        if row is None or standing is None or not standing.may_read:
            raise Missing("no_such_file", "there is no such file, or it is not yours")
        return Found(row["name"], row["type"], row["size"], self._pieces(file_id, row["size"]))

    async def _pieces(self, file_id: UUID, size: int) -> AsyncGenerator[bytes, None]:
        """No connection is held while the reader takes one."""
        for begin in range(1, size + 1, PIECE_BYTES):
            async with self._chat.database.connection() as connection:
                piece: bytes | None = await connection.fetchval(PIECE, file_id, begin, PIECE_BYTES)
            if piece is None:  # removed meanwhile; the answer ends too short, which the reader sees
                return
            yield piece
