"""All clients of a server lose it at once and come back to another, while people go on posting: is anything lost?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from server.chat.names import THREAD
from tests.bench.aside import Aside, aside, open_files
from tests.bench.cpu import Meter
from tests.bench.exiles import Flight, Settle, Stand, Told
from tests.bench.ground import Ground, ground
from tests.bench.hubs import TEXT
from tests.bench.line import Seat
from tests.bench.report import Demand, Result, table
from tests.bench.town import Neighbour, neighbour, people, rooms, served
from tests.bench.usage import resident, usage
from tests.eventually import eventually
from tests.fleet.server import Server

CLIENTS = 5_000
ROOMS = 50
EPOCH = "e"
POST_EVERY_SECONDS = 0.5  # into every room
BEFORE_SECONDS = 2.0
BACK_SECONDS = 40.0  # who is not back by then is counted as missing
LOOK_SECONDS = 0.02
BACK_WITHIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Storm:
    """What coming back cost the other server, and what a quiet arrival had cost the first."""

    flight: Flight
    seconds: float
    server_us: float
    postgres_us: float
    redis_us: float
    quiet_us: float
    mib: float


async def measure() -> Result:
    """Settle at one server, kill it, and count what everybody has heard in the end."""
    open_files()
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(ground())
        first, second = await stack.enter_async_context(served(here, 2))
        other = await stack.enter_async_context(neighbour(here))
        exiles = stack.enter_context(aside("exiles"))
        threads = await rooms(here, ROOMS)
        quiet_us = await _settled(here, exiles, first, second, threads)
        posting = asyncio.create_task(_post(other, threads))
        try:
            await asyncio.sleep(BEFORE_SECONDS)
            storm = await _weathered(here, exiles, first, second, quiet_us)
            await asyncio.sleep(POST_EVERY_SECONDS)
        finally:
            posting.cancel()
            await asyncio.wait([posting])
        return _result(storm, await _missing(here, exiles, threads))


async def _settled(here: Ground, exiles: Aside, first: Server, second: Server, threads: Sequence[UUID]) -> float:
    seats = [
        Seat(token, (f"{THREAD}{threads[number % ROOMS]}",)) for number, token in enumerate(await people(here, CLIENTS))
    ]
    before = usage([first.pid])
    await exiles.ask(Settle(first.port, seats, EPOCH, second.port))
    return (usage([first.pid]) - before).total / CLIENTS * 1e6


async def _post(other: Neighbour, threads: Sequence[UUID]) -> None:
    while True:
        await other.post(threads, TEXT)
        await asyncio.sleep(POST_EVERY_SECONDS)


async def _weathered(here: Ground, exiles: Aside, first: Server, second: Server, quiet_us: float) -> Storm:
    memory, redis = resident(second.pid), usage([here.valkey_pid])
    meter = Meter(second.pid, here.postgres_pid)
    began = time.perf_counter()
    first.kill()

    flight: Flight = await exiles.ask(Told())
    while flight.back < CLIENTS and time.perf_counter() - began < BACK_SECONDS:
        await asyncio.sleep(LOOK_SECONDS)
        flight = await exiles.ask(Told())
    seconds = time.perf_counter() - began
    spent, redis = meter.read(), usage([here.valkey_pid]) - redis
    us, mib = 1e6 / CLIENTS, (resident(second.pid) - memory) / 1_048_576
    return Storm(flight, seconds, spent.python * us, spent.postgres * us, redis.total * us, quiet_us, mib)


async def _missing(here: Ground, exiles: Aside, threads: Sequence[UUID]) -> int:
    """Publications that somebody has not heard a moment after the last one was posted."""
    connection = await asyncpg.connect(here.database_url)
    try:
        rows = await connection.fetch("SELECT id, top FROM threads WHERE id = ANY ($1::uuid[])", threads)
    finally:
        await connection.close()
    tops = {f"{THREAD}{thread}".encode(): top for thread, top in rows}
    missing = 0

    async def is_even() -> bool:
        nonlocal missing
        stands: list[dict[bytes, int]] = await exiles.ask(Stand())
        missing = sum(tops[channel] - at for stand in stands for channel, at in stand.items())
        return missing == 0

    try:
        await eventually(is_even)
    except AssertionError:
        return missing
    return 0


def _result(storm: Storm, missing: int) -> Result:
    flight, (half, most) = storm.flight, _away(storm)
    shown = table(
        ["", "a client"],
        [
            ("away, p50 s", f"{half:.2f}"),
            ("away, p99 s", f"{most:.2f}"),
            ("all back after s", f"{storm.seconds:.2f}"),
            ("the other server's CPU µs", f"{storm.server_us:.0f}"),
            ("the same when all is quiet", f"{storm.quiet_us:.0f}"),
            ("PostgreSQL's CPU µs", f"{storm.postgres_us:.0f}"),
            ("Redis' CPU µs", f"{storm.redis_us:.0f}"),
            ("knocks at the door", f"{flight.knocks / CLIENTS:.2f}"),
            ("publications recovered", f"{flight.fresh / CLIENTS:.1f}"),
            ("the other server's memory KiB", f"{storm.mib * 1024 / CLIENTS:.1f}"),
        ],
    )
    what = "server CPU to take in and catch up one of 5,000 who come at once ÷ one who comes when all is quiet"
    return Result(shown, what, storm.server_us / storm.quiet_us, *_judged(storm, missing))


def _judged(storm: Storm, missing: int) -> tuple[dict[str, float], list[Demand]]:
    flight, (half, most) = storm.flight, _away(storm)
    figures = {
        "all_back_seconds": storm.seconds,
        "away_p50_seconds": half,
        "away_p99_seconds": most,
        "server_us": storm.server_us,
        "quiet_server_us": storm.quiet_us,
        "postgres_us": storm.postgres_us,
        "knocks_each": flight.knocks / CLIENTS,
        "recovered_each": flight.fresh / CLIENTS,
        "missing": missing,
    }
    demands = [
        Demand(f"all {CLIENTS:,} come back and recover", f"{flight.back:,}", flight.back == CLIENTS == flight.lost),
        Demand(
            "nobody is sent away or kept waiting beyond an SDK's patience",
            f"{flight.knocks - CLIENTS:,} tried again",
            flight.knocks == CLIENTS,
        ),
        Demand("nothing is lost, nothing comes twice", f"{missing} missing", missing == 0),
        Demand(
            f"all are back within {BACK_WITHIN_SECONDS:.0f} s",
            f"{storm.seconds:.1f} s",
            storm.seconds <= BACK_WITHIN_SECONDS,
        ),
    ]
    return figures, demands


def _away(storm: Storm) -> tuple[float, float]:
    """Seconds without a server: what half of them spent at most, and 99 of 100."""
    away = sorted(storm.flight.away) or [storm.seconds]
    return away[len(away) // 2], away[int(len(away) * 0.99)]
