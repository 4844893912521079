"""A campaign to a million people: how soon it starts, how near it keeps to what is allowed, and what a delivery costs.

The fake Telegram runs in this process, whose CPU is counted for nobody: workers, PostgreSQL and Valkey are others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg

from bots.fake.world import World
from server.auth.constants import Role
from server.bot.pace import BOT
from server.bot.policy import bot_id
from server.broadcast.constants import RATE_LIMIT
from server.embedded.people import Login, admit
from tests.bench.cpu import family, ran
from tests.bench.ground import Ground, ground
from tests.bench.report import Demand, Result, median, table
from tests.bench.usage import resident
from tests.bot.town import TOKEN, telegram
from tests.broadcast.talk import share, waits
from tests.eventually import eventually
from tests.fleet.http import Http
from tests.fleet.server import Program, Server

PEOPLE = 1_000_000
FEW = 1_000
PAID = 25_000
FREE_SECONDS, PAID_SECONDS, WARM_SECONDS = 30.0, 20.0, 3.0
REST_SECONDS = 8.0
LOOKS = 20
TALKERS, ANSWERS = 8, 20
LOGIN = Login("op@example.com", "correct horse")
MIB = 1024 * 1024
CONTACTS = """
WITH new AS (
  SELECT gen_random_uuid() AS id, gen_random_uuid() AS thread_id, n FROM generate_series($1::bigint, $2::bigint) n
), t AS (INSERT INTO threads (id, kind, epoch) SELECT thread_id, 'telegram', 'e' FROM new)
INSERT INTO contacts (id, bot_id, chat_id, thread_id, kind, name, language, tags, attributes)
SELECT id, $3::bigint, n, thread_id, 'private', 'n' || n, 'en', ARRAY[$4::text], '{"city": "Bern"}' FROM new
"""


@dataclass
class Place:
    """An installation with two workers, and the Telegram that it speaks to."""

    here: Ground
    world: World
    server: Server
    workers: list[Program]

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        said = await self.server.http.call(method, path, body)
        assert said.status < 400, said.body
        return said.body

    async def started(self, tag: str, count: int, **more: Any) -> tuple[str, float]:
        """A campaign's path, and how many seconds it took until its audience was frozen and tried."""
        content = {"variants": {"en": {"text": "Hello {{ name }} in {{ city }}"}}}
        body = {"name": tag, "content": content, "audience": {"tag": tag}, **more}
        path = f"/broadcast/campaign/{(await self.ask('POST', '/broadcast/campaign', body))['id']}"
        began = time.monotonic()
        await self.ask("POST", f"{path}/start", {"confirm": count})

        async def is_frozen() -> bool:
            return (await self.ask("GET", path))["run"]["frozen_at"] is not None

        await eventually(is_frozen, within=180.0)
        return path, time.monotonic() - began

    def moments(self) -> list[float]:
        return sorted(one.at for sent in list(self.world.sent.values()) for one in sent)

    def cost(self) -> tuple[int, int, int]:
        """Nanoseconds of the workers, of PostgreSQL, of Valkey."""
        workers = sum(ran(worker.pid) for worker in self.workers)
        postgres = sum(own for own, _ in family(self.here.postgres_pid).values())
        return workers, postgres, ran(self.here.valkey_pid)


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    world = World()
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(ground())
        api = await stack.enter_async_context(telegram(world))
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="parley-bench-")))
        server = Server(here.database_url, here.redis_url, folder, TELEGRAM_TOKEN=TOKEN, TELEGRAM_API=api)
        names = ("work", "work", "schedule")
        programs = [Program(name, folder, server.environment) for name in names]
        for program in (server, *programs):
            program.launch()
            stack.callback(program.end)
        await server.ready()
        await admit(here.database_url, LOGIN, "Op", Role.ADMIN)
        login = {"email": LOGIN.email, "password": LOGIN.password}
        server.http.token = (await server.http.call("POST", "/auth/login", login)).body["access_token"]
        yield Place(here, world, server, programs[:2])


async def people(here: Ground, tag: str, first: int, count: int) -> None:
    connection = await asyncpg.connect(here.database_url)
    try:
        await connection.execute(CONTACTS, first, first + count - 1, bot_id(TOKEN), tag)
        await connection.execute("ANALYZE contacts")
    finally:
        await connection.close()


async def milliseconds(ask: Callable[[], Awaitable[Any]]) -> float:
    """The middle of some."""
    found = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        await ask()
        found.append((time.perf_counter() - began) * 1e3)
    return median(found)


async def looks(here: Place, path: str) -> tuple[float, float, float]:
    """What a page of the log, one of a state, and the progress take, in milliseconds."""
    logs = f"/broadcast/logs?campaign_id={path.rpartition('/')[2]}"
    return (
        await milliseconds(lambda: here.ask("GET", logs)),
        await milliseconds(lambda: here.ask("GET", f"{logs}&state=sent")),
        await milliseconds(lambda: here.ask("GET", path)),
    )


async def rate(here: Place, seconds: float) -> tuple[float, list[float]]:
    """Deliveries a second over this time, and µs of each: of the workers, PostgreSQL, Valkey."""
    await asyncio.sleep(WARM_SECONDS)
    began, before = time.monotonic(), here.cost()
    await asyncio.sleep(seconds)
    ended, after = time.monotonic(), here.cost()
    count = sum(began <= moment < ended for moment in here.moments())
    return count / (ended - began), [
        (late - early) / 1e3 / max(1, count) for early, late in zip(before, after, strict=True)
    ]


async def answers(here: Place) -> float:
    """The wait that 99 of 100 answers in conversations do not exceed while the campaign runs, in seconds."""
    connection = await asyncpg.connect(here.here.database_url)
    try:
        rows = await connection.fetch("SELECT chat_id, thread_id FROM contacts WHERE chat_id <= $1", TALKERS)
    finally:
        await connection.close()
    mouths = {
        row["chat_id"]: (Http("127.0.0.1", here.server.port, here.server.http.token), str(row["thread_id"]))
        for row in rows
    }
    try:
        return share(await waits(here.world, mouths, ANSWERS), 0.99)
    finally:
        for http, _ in mouths.values():
            http.close()


async def measure() -> Result:
    """A thousand first, then with paid limits, then a million for free."""
    async with place() as here:
        await people(here.here, "few", 1, FEW)
        await people(here.here, "many", FEW + 1, PEOPLE)
        await people(here.here, "paid", FEW + PEOPLE + 1, PAID)
        path, _ = await here.started("few", FEW)
        await eventually(lambda: len(here.world.sent) > 0, within=20.0)
        few = await looks(here, path)
        await here.ask("POST", f"{path}/cancel", {})
        path, _ = await here.started("paid", PAID, paid_messages=PAID)
        paid, costs = await rate(here, PAID_SECONDS)
        await here.ask("POST", f"{path}/cancel", {})
        await asyncio.sleep(REST_SECONDS)  # what is left of it is marked as cancelled
        known = len(here.moments())
        path, start = await here.started("many", PEOPLE)
        frozen = time.monotonic()
        await eventually(lambda: len(here.world.sent) > known, within=30.0)
        first = time.monotonic() - frozen
        free, _ = await rate(here, FREE_SECONDS)
        answer = await answers(here)
        many = await looks(here, path)
        memory = max(resident(worker.pid) for worker in here.workers) / MIB
    return _result(start, first, free, paid, costs, memory, answer, few, many)


def _result(*found: Any) -> Result:
    start, first, free, paid, costs, memory, answer, few, many = found
    allowed = BOT.count / BOT.seconds
    share = free / allowed
    rows = [
        ("start for a million, s", start),
        ("first send after it, s", first),
        ("sent a second for free", free),
        ("sent a second with paid limits", paid),
        ("µs a delivery: workers", costs[0]),
        ("µs a delivery: PostgreSQL", costs[1]),
        ("µs a delivery: Valkey", costs[2]),
        ("largest worker, MiB", memory),
        ("answer in a conversation meanwhile, p99, s", answer),
        *((f"{name} at a thousand, ms", ms) for name, ms in zip(("log", "log by state", "progress"), few, strict=True)),
        *((f"{name} at a million, ms", ms) for name, ms in zip(("log", "log by state", "progress"), many, strict=True)),
    ]
    figures = {name.replace(" ", "_").replace(",", "").replace(":", ""): float(value) for name, value in rows}
    demands = [
        Demand("a start for 1,000,000 takes less than 20 s", f"{start:.1f} s", start < 20),
        Demand("the first is told within 3 s of it", f"{first:.2f} s", first < 3),
        Demand("no worker grows past 200 MiB", f"{memory:.0f} MiB", memory < 200),
        Demand("answers beside it wait less than 1 s, p99", f"{answer:.2f} s", answer < 1),
        Demand("at least 97 % of the allowed rate for free", f"{share:.1%} of {allowed:.0f}/s", share >= 0.97),
        Demand(f"at least 900 of {RATE_LIMIT} a second, two workers", f"{paid:.0f}/s", paid >= 900),
        Demand(
            "log and progress as quick at a million",
            f"{sum(many):.0f} against {sum(few):.0f} ms",
            sum(many) < 2 * sum(few) + 10,
        ),
    ]
    return Result(
        table(["what", "seen"], rows), "share of the allowed rate used at the free limit", share, figures, demands
    )
