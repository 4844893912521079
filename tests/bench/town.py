"""Who and what a bench of sockets needs: real server processes, people with tokens, open rooms, and a neighbour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import asyncpg
from pydantic import SecretStr

from server import ids, logging
from server.auth.constants import Role
from server.auth.policy import Caller
from server.auth.tokens import Lifetimes, Tokens
from server.chat import service
from server.chat.journal import Posted
from server.chat.service import Chat, NewMessage
from server.config import Settings
from server.runtime import Runtime
from tests.bench.ground import Ground
from tests.fleet.server import SECRET, Server

TOKEN_SECONDS = 3600
SAY_SECONDS = 0.3  # the workers are told of the last posts; whoever leaves in the middle of that may hang


class Served(Server):
    """A server process whose CPU and memory can be asked for."""


@asynccontextmanager
async def served(here: Ground, count: int = 1) -> AsyncIterator[list[Served]]:
    """So many server processes, all of them ready."""
    with TemporaryDirectory(prefix="parley-bench-") as folder, _ended() as started:
        for _ in range(count):
            server = Served(here.database_url, here.redis_url, Path(folder))
            started.append(server)
            server.launch()
        for server in started:
            await server.ready()
        yield started


@contextmanager
def _ended() -> Iterator[list[Served]]:
    started: list[Served] = []
    try:
        yield started
    finally:
        for server in started:
            server.end()


async def people(here: Ground, count: int) -> list[str]:
    """Access tokens of so many different persons; how they are signed is the server's own code."""
    users = [ids.new() for _ in range(count)]
    await _insert(here, "INSERT INTO users (id, name) SELECT id, 'Guest' FROM unnest($1::uuid[]) AS u(id)", users)
    tokens = Tokens([SECRET], Lifetimes(access_seconds=TOKEN_SECONDS))
    return [tokens.issue(user, "Guest", Role.USER, ids.new()) for user in users]


async def rooms(here: Ground, count: int) -> list[UUID]:
    """Threads that everybody may listen to and write in."""
    threads = [ids.new() for _ in range(count)]
    statement = "INSERT INTO threads (id, kind, epoch) SELECT id, 'room', 'e' FROM unnest($1::uuid[]) AS t(id)"
    await _insert(here, statement, threads)
    return threads


async def _insert(here: Ground, statement: str, keys: Sequence[UUID]) -> None:
    connection = await asyncpg.connect(here.database_url)
    try:
        await connection.execute(statement, keys)
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Somebody who posts through another server process of the installation: this one, which has no sockets."""

    _chat: Chat
    _caller: Caller

    async def post(self, threads: Sequence[UUID], text: str) -> list[Posted]:
        """One message in each of these, all at once; returns when they are committed and announced."""
        new = [service.post(self._chat, self._caller, thread, NewMessage(text, ids.new().hex)) for thread in threads]
        return await asyncio.gather(*new)


@asynccontextmanager
async def neighbour(here: Ground) -> AsyncIterator[Neighbour]:
    """Everything a server process holds open, without a door."""
    logging.configure("WARNING", "auto")
    user = ids.new()
    await _insert(here, "INSERT INTO users (id, name) SELECT id, 'Ann' FROM unnest($1::uuid[]) AS u(id)", [user])
    settings = Settings(
        _env_file=None,
        database_url=here.database_url,
        redis_url=here.redis_url,
        secret_key=SecretStr(SECRET),
    )
    async with Runtime(settings) as runtime:
        yield Neighbour(runtime.state()["chat"], Caller(user, "Ann", Role.USER, None))
        await asyncio.sleep(SAY_SECONDS)
