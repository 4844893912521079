"""Posts over sockets, through the journal and back: beside the journal alone, and with everybody listening."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import astuple, dataclass
from uuid import UUID

from server.chat.journal import Journal
from server.chat.names import THREAD
from tests.bench.aside import Aside, aside, open_files
from tests.bench.cpu import Meter
from tests.bench.crowd import TEXT, Cell, Crowd, check, newcomers
from tests.bench.ground import Ground, ground
from tests.bench.line import Seat
from tests.bench.report import Demand, Result, median, table
from tests.bench.senders import Begin, Desk, Hear, Post
from tests.bench.town import people, served
from tests.bench.usage import usage
from tests.fleet.server import Server

CROWD = Crowd(200, 10)
ROUNDS = 3
WARM_SECONDS = 0.3
SECONDS = 1.5
ALONE, DEAF, LISTENING = WAYS = "the journal alone", "sockets", "sockets, 20 listen to each thread"

CPU_US = 40.0
P99_MS = 15.0
OF_JOURNAL = 0.7


@dataclass(frozen=True, slots=True)
class Turn:
    """What one way of posting did: a second, and in microseconds of CPU a post."""

    per_second: float
    server_us: float
    postgres_us: float
    redis_us: float
    client_us: float
    p50_ms: float
    p99_ms: float
    deliveries_per_second: float


async def measure() -> Result:
    """The three ways in turns, each time in new threads; the rows are read back after every one."""
    open_files()
    found: dict[str, list[Turn]] = {way: [] for way in WAYS}
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(ground())
        (server,) = await stack.enter_async_context(served(here))
        senders = stack.enter_context(aside("senders"))
        tokens = await people(here, CROWD.posters)
        journal = Journal(here.database_url, lambda _: None)
        await journal.open()
        stack.push_async_callback(journal.close)
        for number in range(ROUNDS):
            for way in WAYS if number % 2 == 0 else reversed(WAYS):
                if way == ALONE:
                    found[way].append(_of_journal(await CROWD.measure(here, journal.post, SECONDS)))
                else:
                    found[way].append(await _over_sockets(here, server, senders, tokens, way))
    return _result(found)


def _of_journal(cell: Cell) -> Turn:
    return Turn(cell.per_second, cell.python_us, cell.postgres_us, 0.0, 0.0, cell.p50_ms, cell.p99_ms, 0.0)


async def _over_sockets(here: Ground, server: Server, senders: Aside, tokens: Sequence[str], way: str) -> Turn:
    _, threads = await newcomers(here, CROWD)
    await senders.ask(Begin(server.port, _desks(tokens, threads, way), TEXT))
    warm, _ = await senders.ask(Post(WARM_SECONDS))
    others = [usage([pid]) for pid in (here.valkey_pid, senders.pid)]
    meter = Meter(server.pid, here.postgres_pid)
    waits, clock = await senders.ask(Post(SECONDS))
    spent = meter.read()
    redis, client = [usage([pid]) - before for pid, before in zip((here.valkey_pid, senders.pid), others, strict=True)]
    count = len(waits)
    deliveries = (len(warm) + count) * CROWD.posters // CROWD.threads if way == LISTENING else 0
    arrived = await senders.ask(Hear(deliveries))
    assert arrived == deliveries, f"{arrived} deliveries instead of {deliveries}"
    await check(here, threads, len(warm) + count)
    waits.sort()
    us = 1e6 / count
    return Turn(
        count / clock,
        spent.python * us,
        spent.postgres * us,
        redis.total * us,
        client.total * us,
        waits[count // 2] * 1e3,
        waits[int(count * 0.99)] * 1e3,
        count * CROWD.posters / CROWD.threads / clock if deliveries else 0.0,
    )


def _desks(tokens: Sequence[str], threads: Sequence[UUID], way: str) -> list[Desk]:
    desks = []
    for number, token in enumerate(tokens):
        channel = f"{THREAD}{threads[number % len(threads)]}"
        desks.append(Desk(Seat(token, (channel,) if way == LISTENING else ()), channel))
    return desks


def _middle(some: Sequence[Turn]) -> Turn:
    return Turn(*(median(column) for column in zip(*map(astuple, some), strict=True)))


def _result(found: dict[str, list[Turn]]) -> Result:
    turns = {
        way: Turn(*(median(column) for column in zip(*map(astuple, some), strict=True))) for way, some in found.items()
    }
    head = ["200 posters, 10 threads", "posts/s", "server µs", "postgres µs", "redis µs", "client µs"]
    head += ["p50 ms", "p99 ms", "deliveries/s"]
    rows = [(way, *astuple(turn)) for way, turn in turns.items()]
    ours, listening = turns[DEAF], turns[LISTENING]
    pairs = zip(found[DEAF], found[ALONE], strict=True)
    of_journal = median([sockets.per_second / alone.per_second for sockets, alone in pairs])
    figures = {
        "posts_per_second": ours.per_second,
        "server_us": ours.server_us,
        "p50_ms": ours.p50_ms,
        "p99_ms": ours.p99_ms,
        "postgres_us": ours.postgres_us,
        "journal_posts_per_second": turns[ALONE].per_second,
        "listening_posts_per_second": listening.per_second,
        "listening_deliveries_per_second": listening.deliveries_per_second,
        "listening_server_us": listening.server_us,
        "listening_p99_ms": listening.p99_ms,
    }
    demands = [
        Demand(f"at most {CPU_US:.0f} µs of server CPU a post", f"{ours.server_us:.1f} µs", ours.server_us <= CPU_US),
        Demand(f"99 of 100 acknowledged within {P99_MS:.0f} ms", f"{ours.p99_ms:.1f} ms", ours.p99_ms < P99_MS),
        Demand(f"at least {OF_JOURNAL:.0%} of the journal's rate", f"{of_journal:.0%}", of_journal >= OF_JOURNAL),
    ]
    what = "posts per second over 200 sockets ÷ by the journal alone, 10 threads"
    return Result(table(head, rows), what, of_journal, figures, demands)
