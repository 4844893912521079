"""Telegram both ways: updates through the webhook into threads, answers out of them, and what one send costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from server import ids
from server.bot.pace import Pace
from server.bot.policy import bot_id, webhook_secrets
from server.chat.appending import append
from server.chat.constants import AuthorKind, MessageStatus
from server.chat.journal import Draft
from server.chat.tasks import Relay
from server.pacing.limiter import Limiter
from server.queue import Queue
from server.valkey import connect
from tests.bench.aside import aside
from tests.bench.cpu import NANO, Meter, ran
from tests.bench.ground import Ground, ground
from tests.bench.live import waits
from tests.bench.report import Demand, Result, median, table
from tests.bench.sends import TOKEN, Send
from tests.bench.town import served
from tests.bench.updates import Deliver
from tests.eventually import eventually
from tests.fleet.http import Http
from tests.fleet.server import SECRET, Server, helper

CHATS, UPDATES, CONNECTIONS = 1000, 12, 40
RELAYS = 3  # to each chat: as many as one may get at once
WORKERS = 2
ROUNDS, SENDS = 3, 960
PLACES = 3000
PER_SECOND = 1000
PATIENCE_SECONDS = 60.0
SAY_SECONDS = 0.1

IN_PER_SECOND = 1000.0
OUT_PER_SECOND = 500.0
TIMES_STOCK = 4.0
LIVE_MS = 100.0

IN = "SELECT count(*) FROM messages m JOIN contacts c ON c.thread_id = m.thread_id WHERE m.author_kind = 'contact'"
SHUFFLED = "SELECT count(*) FROM messages WHERE author_kind = 'contact' AND text <> (number - 1)::text"
OUT = "SELECT count(*) FROM relays WHERE status = 'sent'"
LAST_IN = "SELECT extract(epoch FROM now() - max(created_at))::float8 FROM messages"
TOOK = "SELECT extract(epoch FROM max(settled_at) - $1)::float8 FROM relays"


@dataclass(frozen=True, slots=True)
class Flow:
    """How many a second, and the µs of CPU that one of them took in each of the processes."""

    per_second: float
    out_of_order: int
    spent: Mapping[str, float] = field(default_factory=dict)


class Costs:
    """CPU of processes from here on, and of PostgreSQL with its children."""

    def __init__(self, here: Ground, pids: Mapping[str, int]) -> None:
        self._pids = {**pids, "valkey": here.valkey_pid}
        self._before = {name: ran(pid) for name, pid in self._pids.items()}
        self._meter = Meter(here.postgres_pid, here.postgres_pid)

    def each(self, count: int) -> dict[str, float]:
        """Microseconds for each of so many."""
        postgres = self._meter.read().postgres
        found = {name: (ran(pid) - self._before[name]) * NANO for name, pid in self._pids.items()}
        return {name: seconds / count * 1e6 for name, seconds in {**found, "postgres": postgres}.items()}


async def measure() -> Result:
    """Sends in turns first; then one installation that takes in, and answers everybody it has heard."""
    sends: dict[bool, list[float]] = {True: [], False: []}
    async with ground() as here:
        with aside("telegrams") as telegram:
            api = f"http://127.0.0.1:{await telegram.ask('the port')}"
            for number in range(ROUNDS):
                for is_ours in (True, False) if number % 2 == 0 else (False, True):
                    with aside("sends") as sender:
                        sends[is_ours].append(await sender.ask(Send(is_ours, api, SENDS)))
        place = await _places(here)
        with aside("telegrams") as telegram:
            port = await telegram.ask("the port")
            settings = {
                "TELEGRAM_TOKEN": TOKEN,
                "TELEGRAM_API": f"http://127.0.0.1:{port}",
                "TELEGRAM_PER_SECOND": str(PER_SECOND),
                "ASSISTANT": "none",
            }
            async with served(here, settings=settings) as (server,), _rows(here) as rows:
                inbound, live = await _inbound(here, server, rows)
                outbound = await _outbound(here, server, rows, Http("127.0.0.1", port), telegram.pid)
    return _result(sends, place, (inbound, outbound), live)


@asynccontextmanager
async def _rows(here: Ground) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(here.database_url)
    try:
        yield connection
    finally:
        await connection.close()


async def _places(here: Ground) -> dict[str, float]:
    """µs for one place at the limiter: on the clock, and of CPU here and in Valkey."""
    async with connect(here.redis_url) as client:
        pace = Pace(Limiter(client), bot_id(TOKEN), PER_SECOND)
        await pace.turn(-1, is_group=False)
        valkey, python, began = ran(here.valkey_pid), time.process_time(), time.perf_counter()
        for chat in range(PLACES):
            await pace.book(chat, is_group=False)
        seconds = time.perf_counter() - began
        python, valkey = time.process_time() - python, ran(here.valkey_pid) - valkey
    spent = {"round trip": seconds, "python": python, "valkey": valkey * NANO}
    return {name: each / PLACES * 1e6 for name, each in spent.items()}


async def _inbound(here: Ground, server: Server, rows: Any) -> tuple[Flow, list[float]]:
    """One message at a time; then all that one server and one worker can take, from the first update to the last."""
    asked = Deliver(server.port, webhook_secrets([SECRET], TOKEN)[0], CHATS, UPDATES, CONNECTIONS)
    with helper(server, "work") as worker, aside("updates") as telegram:
        await _ready(here, 1)
        await telegram.ask(Deliver(server.port, asked.secret, 1, 1, 1))  # the same first update comes again later
        await eventually(lambda: _counts(rows, IN, 1), within=PATIENCE_SECONDS)
        live = await waits(server, rows, here.database_url, asked.secret)
        before = await rows.fetchval(IN) - 1
        await rows.execute("ANALYZE")  # plans were made for empty tables, and PostgreSQL looks only once a minute
        costs = Costs(here, {"server": server.pid, "worker": worker.pid})
        began = await telegram.ask(asked)
        count = CHATS * UPDATES
        await eventually(lambda: _counts(rows, IN, before + count), within=PATIENCE_SECONDS)
        spent = costs.each(count)
        seconds = time.monotonic() - began - await rows.fetchval(LAST_IN)
        shuffled = await rows.fetchval(SHUFFLED)
        await _ready(here, 1)  # whatever else was asked of it is done
        assert await worker.stop() == 0
    return Flow(count / seconds, shuffled, spent), live


async def _counts(rows: Any, query: str, wanted: int) -> bool:
    return bool(await rows.fetchval(query) >= wanted)


async def _outbound(here: Ground, server: Server, rows: Any, telegram: Http, fake_pid: int) -> Flow:
    """From the first task said to the last relay settled, through two workers."""
    threads = [row[0] for row in await rows.fetch("SELECT thread_id FROM contacts")]
    count = len(threads) * RELAYS
    for number in range(RELAYS):
        async with rows.transaction():
            await append(rows, [_answer(thread, number) for thread in threads])
    queue = Queue(here.redis_url)
    await queue.open()
    with ExitStack() as stack:
        workers = [stack.enter_context(helper(server, "work")) for _ in range(WORKERS)]
        await _ready(here, WORKERS)
        costs = Costs(here, {"fake": fake_pid, **{f"worker {n}": each.pid for n, each in enumerate(workers)}})
        began = await rows.fetchval("SELECT now()")
        saying = asyncio.create_task(_say(queue))
        await eventually(lambda: _counts(rows, OUT, count), within=PATIENCE_SECONDS)
        spent = costs.each(count)
        saying.cancel()
        await asyncio.wait([saying])
        seconds = await rows.fetchval(TOOK, began)
        told = (await telegram.call("GET", "/count")).body
        assert told["taken"] == count, told
        await asyncio.gather(*(each.stop() for each in workers))
    await queue.close()
    telegram.close()
    return Flow(count / seconds, told["out_of_order"], spent)


async def _ready(here: Ground, workers: int) -> None:
    """Return when so many workers wait for a task: until then they would pay for their start in the measurement."""
    async with connect(here.redis_url) as client:

        async def all_wait() -> bool:
            clients = await client.client_list()
            return sum("b" in each["flags"] for each in clients) >= workers

        await eventually(all_wait, within=PATIENCE_SECONDS)


async def _say(queue: Queue) -> None:
    """As whoever posts does."""
    while True:
        queue.say(Relay())
        await asyncio.sleep(SAY_SECONDS)


def _answer(thread: UUID, number: int) -> Draft:
    return Draft(ids.new(), thread, None, AuthorKind.SYSTEM, str(number), status=MessageStatus.QUEUED)


def _result(
    sends: dict[bool, list[float]], place: dict[str, float], flows: tuple[Flow, Flow], live: list[float]
) -> Result:
    inbound, outbound = flows
    ours, theirs = (median(sends[is_ours]) * 1e6 for is_ours in (True, False))
    ratio = median([other / own for own, other in zip(sends[True], sends[False], strict=True)])
    rows = [("a send, python-telegram-bot as it comes", "µs of CPU", theirs), ("a send, ours", "µs of CPU", ours)]
    rows += [("a place at the limiter", f"µs, {name}", value) for name, value in place.items()]
    for name, flow in (("an update in", inbound), ("a relay out", outbound)):
        rows += [(name, "a second", flow.per_second)]
        rows += [(name, f"µs of CPU, {who}", value) for who, value in sorted(flow.spent.items())]
    live_ms = {name: live[int(len(live) * part)] * 1e3 for name, part in (("p50", 0.5), ("p99", 0.99))}
    rows += [("an update seen on a socket", f"ms, {name}", value) for name, value in live_ms.items()]
    figures = {"stock_send_us": theirs, "send_us": ours, "in_per_second": inbound.per_second}
    figures |= {"out_per_second": outbound.per_second}
    figures |= {f"place_{name.replace(' ', '_')}_us": value for name, value in place.items()}
    for name, flow in (("in", inbound), ("out", outbound)):
        figures |= {f"{name}_{who.replace(' ', '_')}_us": value for who, value in flow.spent.items()}
    figures |= {f"live_{name}_ms": value for name, value in live_ms.items()}
    demands = _demands(flows, live_ms["p99"], ratio)
    what = "CPU of one send: python-telegram-bot as it comes ÷ ours"
    return Result(table(["what", "of it", "seen"], rows), what, ratio, figures, demands)


def _demands(flows: tuple[Flow, Flow], live_ms: float, ratio: float) -> list[Demand]:
    inbound, outbound = flows
    disorder = inbound.out_of_order + outbound.out_of_order
    return [
        Demand(
            f"at least {IN_PER_SECOND:,.0f} updates a second become messages",
            f"{inbound.per_second:,.0f}",
            inbound.per_second >= IN_PER_SECOND,
        ),
        Demand(
            f"at least {OUT_PER_SECOND:,.0f} relays a second with {WORKERS} workers",
            f"{outbound.per_second:,.0f}",
            outbound.per_second >= OUT_PER_SECOND,
        ),
        Demand(
            f"99 of 100 seen on a socket within {LIVE_MS:.0f} ms, nothing else going on",
            f"{live_ms:.1f} ms",
            live_ms <= LIVE_MS,
        ),
        Demand("each chat keeps its order, both ways", f"{disorder} out of order", disorder == 0),
        Demand(f"a send costs at most 1/{TIMES_STOCK:.0f} of stock", f"{ratio:.1f} times", ratio >= TIMES_STOCK),
    ]
