"""A hundred chats write and are answered while everything is killed with -9 and Telegram answers 429 and 5xx."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import asyncpg
import pytest

from bots.fake.world import AMBIGUOUS, BROKEN, World, flooded
from server.auth.constants import Role
from server.embedded.people import Login, admit
from tests.bot.town import TOKEN, telegram
from tests.chaos.conftest import Engines
from tests.chaos.witness import Witness, witness
from tests.eventually import eventually
from tests.fleet.http import Http
from tests.fleet.server import Program, Server, helper, servers

CHATS = 100
ANSWERS = 2  # to each chat
PATIENCE_SECONDS = 120.0
SPAN_SECONDS = 1.0
ALLOWED = 30  # in any such span
LOGIN = Login("op@example.com", "correct horse")

WRITTEN = """
SELECT c.chat_id, m.text FROM messages m JOIN contacts c ON c.thread_id = m.thread_id
WHERE m.author_kind = 'contact' ORDER BY m.thread_id, m.number
"""
RELAYED = """
SELECT c.chat_id, r.status, m.text FROM relays r
JOIN contacts c ON c.id = r.contact_id JOIN messages m ON m.thread_id = r.thread_id AND m.number = r.number
ORDER BY r.contact_id, r.number
"""


async def _rows(engines: Engines, query: str) -> list[Any]:
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(engines.postgres.url())
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


def _write(world: World, line: int) -> None:
    for chat in range(1, CHATS + 1):
        world.write({"id": chat, "type": "private", "first_name": f"c{chat}"}, text=f"line {line}")


async def _written(engines: Engines, lines: int) -> bool:
    return len(await _rows(engines, WRITTEN)) >= CHATS * lines


async def _answer(server: Server, token: str, threads: Sequence[str], number: int) -> None:
    """Post until it is acknowledged; the same client_id makes it one message."""
    http = Http("127.0.0.1", server.port, token)
    for thread in threads:
        body = {"thread_id": thread, "text": f"answer {number}", "client_id": f"answer-{number}"}

        async def is_posted() -> bool:
            try:
                return (await http.call("POST", "/chat/send", body)).status in (200, 201)  # noqa: B023
            except (OSError, TimeoutError):
                return False

        await eventually(is_posted, within=PATIENCE_SECONDS)
    http.close()


async def _kill(engines: Engines, programs: Sequence[Program], server: Server) -> None:
    """Each part once, with its successor at work before the next one goes."""
    for program in programs:
        program.kill()
        await asyncio.sleep(0.5)
        program.launch()
    engines.valkey.kill()
    await asyncio.sleep(0.5)
    engines.valkey.start()
    engines.postgres.kill()
    await asyncio.sleep(0.5)
    engines.postgres.start()
    server.kill()
    server.launch()
    await eventually(lambda: _is_ready(server), within=PATIENCE_SECONDS)  # five interpreters start at once


async def _is_ready(server: Server) -> bool:
    try:
        return (await server.http.call("GET", "/health/ready")).status == 200
    except OSError:
        return False


def _torment(world: World, chance: random.Random) -> None:
    faults: list[Callable[[], Any]] = [lambda: flooded(1), lambda: BROKEN, lambda: AMBIGUOUS]
    for chat in chance.sample(range(1, CHATS + 1), 15):
        world.faults[chat].append(chance.choice(faults)())


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_every_update_is_one_message_and_every_answer_has_an_outcome(engines: Engines) -> None:
    world = World()
    async with witness() as watching, telegram(world) as api:
        settings = {"TELEGRAM_TOKEN": TOKEN, "TELEGRAM_API": api, "ASSISTANT": "none"}
        async with servers(engines.postgres.url(), engines.valkey.url, 1, **settings) as (server,):
            await admit(engines.postgres.url(), LOGIN, "Op", Role.OPERATOR)
            login = {"email": LOGIN.email, "password": LOGIN.password}
            token = (await server.http.call("POST", "/auth/login", login)).body["access_token"]
            with ExitStack() as stack:
                programs = [stack.enter_context(helper(server, name)) for name in ("work", "work", "schedule", "bot")]
                _write(world, 0)
                await eventually(lambda: _written(engines, 1), within=PATIENCE_SECONDS)
                threads = [str(row[0]) for row in await _rows(engines, "SELECT thread_id FROM contacts")]
                for number in range(ANSWERS):
                    _torment(world, random.Random(number))
                    answering = asyncio.create_task(_answer(server, token, threads, number))
                    _write(world, number + 1)
                    await _kill(engines, programs, server)
                    await answering
                await eventually(lambda: _written(engines, ANSWERS + 1), within=PATIENCE_SECONDS)
                await eventually(lambda: _all_settled(engines), within=PATIENCE_SECONDS)
            await _check(engines, world, watching)


async def _all_settled(engines: Engines) -> bool:
    relays = await _rows(engines, RELAYED)
    return len(relays) == CHATS * ANSWERS and not {row["status"] for row in relays} & {"queued", "sending"}


async def _check(engines: Engines, world: World, watching: Witness) -> None:
    by_chat: dict[int, list[str]] = defaultdict(list)
    for row in await _rows(engines, WRITTEN):
        by_chat[row["chat_id"]].append(row["text"])
    lines = [f"line {number}" for number in range(ANSWERS + 1)]
    assert by_chat == dict.fromkeys(range(1, CHATS + 1), lines)
    relays = await _rows(engines, RELAYED)
    assert {row["status"] for row in relays} <= {"sent", "unknown"}
    for chat in by_chat:
        arrived = [one.text for one in world.sent[chat]]
        assert arrived == sorted(set(arrived)), "each once, in order"
        sure = [row["text"] for row in relays if row["chat_id"] == chat and row["status"] == "sent"]
        assert set(sure) <= set(arrived)
    unknown = sum(row["status"] == "unknown" for row in relays)
    assert unknown <= CHATS * ANSWERS / 4, "most outcomes are known"
    moments = [one.at for sent in world.sent.values() for one in sent]
    assert watching.peak(moments, SPAN_SECONDS) <= ALLOWED
