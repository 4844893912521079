"""Events out: two workers send to a thousand endpoints, a hundred of which take every request and never answer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from server import ids
from server.database import Database
from server.hooks.engine import Collector
from server.hooks.signing import new_secret
from server.hooks.tasks import DeliverEvents
from server.queue import Queue
from tests.bench.aside import Aside, aside
from tests.bench.cpu import Meter, ran
from tests.bench.ground import Ground, ground
from tests.bench.report import Demand, Result, table
from tests.bench.takers import Ports, Taken
from tests.bench.town import neighbour, rooms
from tests.fleet.server import ROOT, SECRET, Program

ENDPOINTS = 1000
HANGING = 100
WORKERS = 2
THREADS = 8
EVENTS = 64
TOLD = EVENTS * (ENDPOINTS - HANGING)
BEGUN = TOLD // 20  # not counted: interpreters start, connections are made
SAY_SECONDS = 0.2
LONGEST_SECONDS = 240.0
DEMANDED = 500.0

ADD = """
INSERT INTO hook_endpoints (id, url, kinds, secrets) SELECT * FROM unnest($1::uuid[], $2::text[]) AS e(id, url)
CROSS JOIN (SELECT ARRAY['message.posted'], ARRAY[$3::text]) AS s
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """Deliveries a second, what one took of each in µs of CPU, and how many requests hung."""

    per_second: float
    worker: float
    postgres: float
    receiver: float
    hung: int


@contextmanager
def _workers(here: Ground) -> Iterator[list[Program]]:
    settings = {"DATABASE_URL": here.database_url, "REDIS_URL": here.redis_url, "SECRET_KEY": SECRET}
    more = {"WEBHOOK_ALLOW_PRIVATE": "127.0.0.0/8", "PYTHONPATH": str(ROOT), "LOG_LEVEL": "WARNING"}
    with TemporaryDirectory(prefix="parley-bench-") as folder:
        programs = [Program("work", Path(folder), {**os.environ, **settings, **more}) for _ in range(WORKERS)]
        try:
            for program in programs:
                program.launch()
            yield programs
        finally:
            for program in programs:
                program.end()


async def _endpoints(here: Ground, ports: Ports) -> None:
    """Every tenth hangs."""
    every = ENDPOINTS // HANGING
    urls = [
        f"http://127.0.0.1:{ports.quick if number % every else ports.hanging}/{number}" for number in range(ENDPOINTS)
    ]
    connection = await asyncpg.connect(here.database_url)
    try:
        await connection.execute(ADD, [ids.new() for _ in urls], urls, new_secret())
    finally:
        await connection.close()


async def _events(here: Ground) -> float:
    """Post, and make deliveries of it; returns the µs of PostgreSQL's CPU for each of them."""
    threads = await rooms(here, THREADS)
    async with neighbour(here) as one:
        for number in range(EVENTS // THREADS):
            await one.post(threads, f"message {number}")
    database = Database(here.database_url, 2)
    await database.open()
    try:
        meter = Meter(os.getpid(), here.postgres_pid)
        waiting = await Collector(database, 30.0).sweep()
        assert waiting == EVENTS * ENDPOINTS, waiting
        return meter.read().postgres * 1e6 / waiting
    finally:
        await database.close()


async def _taken(receiver: Aside, queue: Queue, count: int) -> Taken:
    """Return when so many were taken; the workers are told again and again, as a scheduler tells them."""
    async with asyncio.timeout(LONGEST_SECONDS):
        while True:
            queue.say(DeliverEvents())
            found: Taken = await receiver.ask("taken")
            if found.count >= count:
                return found
            await asyncio.sleep(SAY_SECONDS)


async def _sent(here: Ground, receiver: Aside) -> Sent:
    queue = Queue(here.redis_url)
    await queue.open()
    try:
        with _workers(here) as workers:
            begun = await _taken(receiver, queue, BEGUN)
            pids = [worker.pid for worker in workers]
            meter, own, theirs = Meter(pids[0], here.postgres_pid), sum(map(ran, pids)), ran(receiver.pid)
            found = await _taken(receiver, queue, TOLD)
            spent, own, theirs = meter.read(), sum(map(ran, pids)) - own, ran(receiver.pid) - theirs
    finally:
        await queue.close()
    count = found.count - begun.count
    seconds = found.last - begun.last
    return Sent(count / seconds, own / count / 1e3, spent.postgres * 1e6 / count, theirs / count / 1e3, found.hung)


async def measure() -> Result:
    """Once: it lasts long enough to be sure of."""
    async with ground() as here:
        with aside("takers") as receiver:
            await _endpoints(here, await receiver.ask("ports"))
            made = await _events(here)
            return _result(await _sent(here, receiver), made)


def _result(sent: Sent, made: float) -> Result:
    head = ["deliveries a second", "worker µs", "postgres µs", "receiver µs", "made of posts, postgres µs", "hung"]
    rows = [(sent.per_second, sent.worker, sent.postgres, sent.receiver, made, sent.hung)]
    figures = {
        "per_second": sent.per_second,
        "worker_us": sent.worker,
        "postgres_us": sent.postgres,
        "receiver_us": sent.receiver,
        "made_postgres_us": made,
        "hung": sent.hung,
    }
    demands = [
        Demand(
            f"{WORKERS} workers, {ENDPOINTS:,} endpoints of which {HANGING} hang: at least so many a second",
            f"{sent.per_second:,.0f} of {DEMANDED:.0f}",
            sent.per_second >= DEMANDED,
        ),
        Demand("each that hangs was asked", f"{sent.hung}", sent.hung >= HANGING),
    ]
    what = "deliveries a second by two workers while a tenth of the endpoints hang ÷ demanded"
    return Result(table(head, rows), what, sent.per_second / DEMANDED, figures, demands)
