"""What a connection costs that does nothing: memory, CPU to open it, CPU of its pings; beside those of a naive hub."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from server.chat.names import THREAD
from server.realtime.session import Pace
from tests.bench.aside import Aside, aside, open_files
from tests.bench.cpu import Meter
from tests.bench.ground import Ground, ground
from tests.bench.hubs import heard
from tests.bench.line import Seat
from tests.bench.listeners import Sit
from tests.bench.report import Demand, Result, table
from tests.bench.town import people, rooms, served
from tests.bench.usage import resident, usage

CONNECTIONS = 10_000
WARM = 20
IN_A_ROOM = 10
NAIVE_CONNECTIONS = 2_000
PING_SECONDS = Pace().ping_seconds
LATE_SECONDS = 1.5  # pings are sent once a second

KIB_EACH = 10.0
CONNECT_US = 200.0
IDLE_PERCENT = 5.0


@dataclass(frozen=True, slots=True)
class Opened:
    """What so many connections cost, each: microseconds of CPU, and KiB of the server's memory."""

    count: int
    server_us: float
    user_us: float
    redis_us: float
    postgres_us: float
    kib: float
    per_second: float


@dataclass(frozen=True, slots=True)
class Kept:
    """What all of them cost while nothing happens but pings."""

    percent: float
    pings: int
    ping_us: float
    kib: float


async def measure() -> Result:
    """Ten people in each room, everybody with a token of their own; then each in a room of their own; then the hub."""
    open_files()
    async with ground() as here:
        opened, kept = await _ours(here, IN_A_ROOM)
        alone, _ = await _ours(here, 1, must_idle=False)
        with aside("naive") as process, aside("listeners") as crowd:
            port = await process.ask("the port")
            await crowd.ask(Sit(port, [Seat(path="/room")] * WARM))
            seats = [Seat(path="/room")] * NAIVE_CONNECTIONS
            naive = await _opened(here, crowd, Sit(port, seats), process.pid)
    assert kept is not None
    return _result(opened, alone, naive, kept)


async def _ours(here: Ground, in_a_room: int, *, must_idle: bool = True) -> tuple[Opened, Kept | None]:
    threads = [f"{THREAD}{thread}" for thread in await rooms(here, (CONNECTIONS + WARM) // in_a_room)]
    tokens = await people(here, CONNECTIONS + WARM)
    seats = [Seat(token, (threads[number // in_a_room],)) for number, token in enumerate(tokens)]
    async with served(here) as (server,):
        with aside("listeners") as crowd:
            await crowd.ask(Sit(server.port, seats[:WARM]))  # what everybody shares is there before we look
            empty = resident(server.pid)
            opened = await _opened(here, crowd, Sit(server.port, seats[WARM:]), server.pid)
            return opened, await _kept(crowd, server.pid, empty) if must_idle else None


async def _opened(here: Ground, crowd: Aside, sit: Sit, pid: int) -> Opened:
    before, redis, memory = usage([pid]), usage([here.valkey_pid]), resident(pid)
    meter = Meter(pid, here.postgres_pid)
    seconds: float = await crowd.ask(sit)
    spent = meter.read()
    used, redis = usage([pid]) - before, usage([here.valkey_pid]) - redis
    count = len(sit.seats)
    us = 1e6 / count
    kib = (resident(pid) - memory) / count / 1024
    return Opened(count, used.total * us, used.user * us, redis.total * us, spent.postgres * us, kib, count / seconds)


async def _kept(crowd: Aside, pid: int, empty: int) -> Kept:
    """A whole round of pings: the first comes within one interval after the opening."""
    before, began = usage([pid]), time.perf_counter()
    pings = (await heard(crowd)).pings
    await asyncio.sleep(PING_SECONDS + LATE_SECONDS)
    used, seconds = usage([pid]) - before, time.perf_counter() - began
    seen = await heard(crowd)
    assert seen.lost == 0
    pings = seen.pings - pings
    kib = (resident(pid) - empty) / CONNECTIONS / 1024
    return Kept(used.total / seconds * 100, pings, used.total / max(1, pings) * 1e6, kib)


def _result(opened: Opened, alone: Opened, naive: Opened, kept: Kept) -> Result:
    rows: Sequence[Sequence[object]] = [
        (name, o.count, o.server_us, o.user_us, o.redis_us, o.postgres_us, o.per_second, o.kib)
        for name, o in [
            (f"parley, {IN_A_ROOM} in a room", opened),
            ("parley, each in a room", alone),
            ("naive hub", naive),
        ]
    ]
    head = ["way", "sockets", "CPU µs to open", "user µs", "redis µs", "postgres µs", "opened/s", "KiB each"]
    idle = table(
        ["idle sockets", "% of a core", "pings", "µs a ping", "KiB each, after a round of pings"],
        [(CONNECTIONS, f"{kept.percent:.2f}", kept.pings, kept.ping_us, kept.kib)],
    )
    what = "KiB of resident memory for an idle connection, signed in and subscribed, of 10,000"
    return Result(
        f"{table(head, rows)}\n\n{idle}", what, kept.kib, _figures(opened, alone, naive, kept), _demands(opened, kept)
    )


def _figures(opened: Opened, alone: Opened, naive: Opened, kept: Kept) -> dict[str, float]:
    return {
        "kib_each": kept.kib,
        "kib_each_alone_in_a_room": alone.kib,
        "naive_kib_each": naive.kib,
        "open_us": opened.server_us,
        "open_user_us": opened.user_us,
        "open_us_alone_in_a_room": alone.server_us,
        "open_redis_us": opened.redis_us,
        "open_postgres_us": opened.postgres_us,
        "naive_open_us": naive.server_us,
        "opened_per_second": opened.per_second,
        "idle_percent": kept.percent,
        "ping_us": kept.ping_us,
    }


def _demands(opened: Opened, kept: Kept) -> list[Demand]:
    is_round = kept.pings >= 0.9 * CONNECTIONS
    return [
        Demand(f"at most {KIB_EACH:.0f} KiB a connection", f"{kept.kib:.1f} KiB", kept.kib <= KIB_EACH),
        Demand(
            f"at most {CONNECT_US:.0f} µs of CPU to connect and subscribe",
            f"{opened.server_us:.0f} µs",
            opened.server_us <= CONNECT_US,
        ),
        Demand(
            f"10,000 idle ones take less than {IDLE_PERCENT:.0f} % of a core",
            f"{kept.percent:.1f} % with {kept.pings:,} pings",
            kept.percent < IDLE_PERCENT and is_round,
        ),
    ]
