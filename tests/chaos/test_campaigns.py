"""A campaign is told once each while everything is killed with -9 and Telegram answers 429, 5xx, or not at all."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from bots.fake.world import AMBIGUOUS, BROKEN, World, flooded
from server import ids
from server.auth.constants import Role
from server.bot.policy import bot_id
from server.embedded.people import Login, admit
from tests.bot.town import TOKEN, telegram
from tests.broadcast.square import PEOPLE, words
from tests.broadcast.talk import share, waits
from tests.chaos.conftest import Engines
from tests.chaos.witness import Witness, witness
from tests.eventually import TIME_UNIT, eventually
from tests.fleet.http import Http
from tests.fleet.server import Program, Server, helper, servers

SPAN_SECONDS = 1.0
ALLOWED = 30  # in any such span
PATIENCE_SECONDS = 180.0
UNAUTHORIZED = 401
LOGIN = Login("op@example.com", "correct horse")
ROWS = """
SELECT c.chat_id, d.state, d.reason FROM deliveries d JOIN contacts c ON c.id = d.contact_id
"""
COUNTS = "SELECT queued, sending, sent, failed, blocked, skipped, unknown, cancelled FROM runs"


@dataclass
class Town:
    """An installation with a campaign, and the Telegram that it speaks to."""

    engines: Engines
    world: World
    witness: Witness
    server: Server
    programs: list[Program]
    chats: list[int]
    http: Http
    path: str = ""

    async def rows(self, query: str, *values: Any) -> list[Any]:
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(self.engines.postgres.url())
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask until there is an answer, and return it; in the long form one signs in again on the way."""

        async def answer() -> Any:
            try:
                said = await self.http.call(method, path, body)
                if said.status == UNAUTHORIZED:
                    self.http.token = await signed_in(self.server)
            except (OSError, TimeoutError):
                return None
            return said if said.status not in {UNAUTHORIZED, 503} else None

        return (await eventually(answer, within=PATIENCE_SECONDS)).body

    async def start(self, **more: Any) -> None:
        body = {"name": "x", "content": words("told"), **more}
        made = await self.ask("POST", "/broadcast/campaign", body)
        self.path = f"/broadcast/campaign/{made['id']}"
        await self.ask("POST", f"{self.path}/start", {"confirm": len(self.chats)})

    async def state(self) -> str:
        return str((await self.ask("GET", self.path))["state"])

    async def completed(self) -> bool:
        """A campaign that has paused because so much was killed is resumed, as an operator would."""
        state = await self.state()
        if state == "paused":
            await self.ask("POST", f"{self.path}/resume", {})
        return state == "completed"

    def told(self) -> Counter[int]:
        return Counter({chat: len(self.world.sent[chat]) for chat in self.chats})


async def signed_in(server: Server) -> str:
    """The operator's access token."""
    login = {"email": LOGIN.email, "password": LOGIN.password}
    return str((await server.http.call("POST", "/auth/login", login)).body["access_token"])


@asynccontextmanager
async def town(engines: Engines, people: int, workers: int) -> AsyncIterator[Town]:
    world = World()
    async with AsyncExitStack() as stack:
        watching = await stack.enter_async_context(witness())
        api = await stack.enter_async_context(telegram(world))
        settings = {"TELEGRAM_TOKEN": TOKEN, "TELEGRAM_API": api}
        (server,) = await stack.enter_async_context(servers(engines.postgres.url(), engines.valkey.url, 1, **settings))
        await admit(engines.postgres.url(), LOGIN, "Op", Role.ADMIN)
        token = await signed_in(server)
        names = ["work"] * workers + ["schedule"]
        programs = [stack.enter_context(helper(server, name)) for name in names]
        http = Http("127.0.0.1", server.port, token)
        stack.callback(http.close)
        made = Town(engines, world, watching, server, programs, list(range(1, people + 1)), http)
        new = ([ids.new() for _ in made.chats], [ids.new() for _ in made.chats], made.chats)
        await made.rows(PEOPLE, *new, bot_id(TOKEN), "x", "en", "{}")
        yield made


def torment(world: World, chats: Sequence[int], chance: random.Random) -> None:
    """For one in ten: told to wait, refused by a broken server, or taken without an answer."""
    faults: list[Callable[[], Any]] = [lambda: flooded(1), lambda: BROKEN, lambda: AMBIGUOUS]
    for chat in chance.sample(chats, len(chats) // 10):
        world.faults[chat].append(chance.choice(faults[:1] if chance.random() < 0.05 else faults[1:])())


async def kill_something(town: Town, chance: random.Random) -> None:
    """One part, and its successor a moment later."""
    victim: Any = chance.choice(
        [*town.programs, *town.programs, town.server, town.engines.valkey, town.engines.postgres]
    )
    victim.kill()
    await asyncio.sleep(chance.uniform(0.1, 1.0))
    if isinstance(victim, Program):
        victim.launch()
    else:
        victim.start()


async def endure(town: Town, chance: random.Random) -> int:
    """Kill at random until the campaign is through; returns how often."""
    kills = 0
    through = asyncio.create_task(eventually(town.completed, within=PATIENCE_SECONDS + len(town.chats) / 10))
    try:
        while not through.done():
            await asyncio.wait([through], timeout=chance.uniform(1.0, 4.0))
            if not through.done() and kills < len(town.chats) // 40:
                kills += 1
                await kill_something(town, chance)
        await through
    finally:
        through.cancel()
    return kills


async def check(town: Town) -> Counter[str]:
    """Counts are those of the rows, whoever is `sent` was told, and Telegram was never asked too fast."""
    rows = await town.rows(ROWS)
    states = Counter(row["state"] for row in rows)
    (counts,) = await town.rows(COUNTS)
    assert {state: count for state, count in dict(counts).items() if count} == states
    assert sum(states.values()) == len(town.chats)
    told = town.told()
    assert [row["chat_id"] for row in rows if row["state"] == "sent" and not told[row["chat_id"]]] == []
    moments = [one.at for sent in town.world.sent.values() for one in sent]
    assert town.witness.peak(moments, SPAN_SECONDS) <= ALLOWED
    return states


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("people", "workers"),
    [
        pytest.param(500, 3, marks=[pytest.mark.timeout(900)]),
        pytest.param(20_000, 8, marks=[pytest.mark.long, pytest.mark.timeout(5400)]),
    ],
)
async def test_nobody_is_told_twice_and_whoever_says_so_was_told(engines: Engines, people: int, workers: int) -> None:
    chance = random.Random(people)
    async with town(engines, people, workers) as here:
        torment(here.world, here.chats, chance)
        await here.start()
        kills = await endure(here, chance)
        states = await check(here)
        assert states.keys() <= {"sent", "unknown"}
        assert max(here.told().values()) == 1, "nobody twice"
        assert states["unknown"] <= people / 10 + 10 * kills, "the ambiguous, and what was in flight"


@pytest.mark.chaos
@pytest.mark.timeout(900)
async def test_with_resend_all_are_told(engines: Engines) -> None:
    chance = random.Random(7)
    async with town(engines, 300, 3) as here:
        torment(here.world, here.chats, chance)
        await here.start(on_unknown="resend")
        await endure(here, chance)
        assert (await check(here)).keys() == {"sent"}
        assert min(here.told().values()) >= 1


@pytest.mark.chaos
@pytest.mark.timeout(300)
async def test_conversations_go_on_beside_a_campaign(engines: Engines) -> None:
    async with town(engines, 400, 2) as here:
        talking = await here.rows("SELECT chat_id, thread_id FROM contacts ORDER BY chat_id LIMIT 8")
        await here.start()
        await eventually(lambda: sum(here.told().values()) > 0, within=PATIENCE_SECONDS)
        mouths = {
            row["chat_id"]: (Http("127.0.0.1", here.server.port, here.http.token), str(row["thread_id"]))
            for row in talking
        }
        try:
            waited = await waits(here.world, mouths, rounds=8)
        finally:
            for http, _ in mouths.values():
                http.close()
        assert await here.state() == "running", "all of it was beside the campaign"
        assert share(waited, 0.99) < 1.0 * TIME_UNIT
        moments = [one.at for sent in here.world.sent.values() for one in sent]
        assert here.witness.peak(moments, SPAN_SECONDS) <= ALLOWED
