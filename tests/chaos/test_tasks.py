"""Tasks are said while workers, Valkey and PostgreSQL are killed, frozen and emptied: each row has one effect."""

from __future__ import annotations

import asyncio
import math
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import redis

from server.database import GONE
from server.queue import Queue
from server.stream import SET_ASIDE, STREAM
from tests.chaos.conftest import Engines
from tests.chaos.deeds import LEASE, TABLES, DoDeed
from tests.chaos.faults import Fault, death_of_engine, death_of_worker, frost_of_engine, frost_of_worker
from tests.eventually import eventually
from tests.fleet.server import ROOT, SECRET, Program

LEASE_SECONDS = 1.0  # shorter than what is frozen: tasks of the living are taken over, too
WORKERS = 2
PATIENCE_SECONDS = 60.0
COMMIT_SECONDS = 5.0
BACK_OFF_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    rows: int
    rounds: int  # each has every fault once
    longest_seconds: float


SHORT = Size(rows=400, rounds=1, longest_seconds=1.5)
LONG = Size(rows=5000, rounds=6, longest_seconds=6.0)


class Book:
    """The rows: written through whatever happens, each under an id of its own, then said."""

    def __init__(self, engines: Engines) -> None:
        self._url = engines.postgres.url()
        self._valkey = engines.valkey.url
        self._next = 0
        self.queue = Queue(engines.valkey.url)

    async def open(self) -> None:
        """Make the tables, and begin to speak."""
        for statement in TABLES:
            await self._ask(statement)
        await self.queue.open()

    async def write(self, rows: int, seconds: float) -> None:
        """So many, spread over the time; returns when all are committed and said."""
        for _ in range(rows):
            row, self._next = self._next, self._next + 1
            await self._insist(row)
            self.queue.say(DoDeed(row=row))
            await asyncio.sleep(seconds / rows)

    async def _insist(self, row: int) -> None:
        """Return when it is committed."""
        while True:
            try:
                async with asyncio.timeout(COMMIT_SECONDS):
                    await self._ask("INSERT INTO deeds VALUES ($1) ON CONFLICT DO NOTHING", row)
                    return
            except GONE:
                await asyncio.sleep(BACK_OFF_SECONDS)

    async def is_done(self) -> bool:
        """Whether no row waits, and Redis keeps no task."""
        waiting = (await self._ask("SELECT count(*) AS n FROM deeds WHERE NOT is_done"))[0]["n"]
        return not waiting and not await asyncio.to_thread(self._length, STREAM)

    async def check(self) -> None:
        """Every row has its effect, no row has two, and no task was given up."""
        effects = await self._ask("SELECT deed, cause FROM effects")
        assert sorted(effect["deed"] for effect in effects) == list(range(self._next))
        assert await asyncio.to_thread(self._length, SET_ASIDE) == 0
        causes = Counter(effect["cause"] for effect in effects)
        print(f"{self._next} rows: {causes['task']} by their task, {causes['sweep']} by a sweep")
        assert causes["task"]

    def empty(self) -> None:
        """FLUSHALL."""
        with redis.Redis.from_url(self._valkey) as client:
            client.flushall()

    def _length(self, key: str) -> int:
        with redis.Redis.from_url(self._valkey) as client:
            return int(client.xlen(key))

    async def _ask(self, statement: str, *values: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self._url, timeout=3)
        try:
            return await connection.fetch(statement, *values)
        finally:
            connection.terminate()


def _faults(engines: Engines, book: Book, workers: list[Program], scheduler: Program) -> list[Fault]:
    async def nothing() -> None:
        return

    faults = [Fault("empty", "Valkey", book.empty, nothing), death_of_worker("scheduler", scheduler)]
    for name, engine in (("PostgreSQL", engines.postgres), ("Valkey", engines.valkey)):
        faults += [death_of_engine(name, engine), frost_of_engine(name, engine)]
    for number, worker in enumerate(workers):
        faults += [death_of_worker(f"worker {number}", worker), frost_of_worker(f"worker {number}", worker)]
    return faults


@asynccontextmanager
async def _staff(engines: Engines, folder: Path) -> AsyncIterator[tuple[list[Program], Program]]:
    settings = {"DATABASE_URL": engines.postgres.url(), "REDIS_URL": engines.valkey.url, "SECRET_KEY": SECRET}
    environment = {**os.environ, **settings, LEASE: str(LEASE_SECONDS), "PYTHONPATH": str(ROOT)}
    programs = [Program(word, folder, environment, module="tests.chaos.deeds") for word in ["work"] * WORKERS]
    scheduler = Program("schedule", folder, environment, module="tests.chaos.deeds")
    for program in (*programs, scheduler):
        program.launch()
    try:
        yield programs, scheduler
    finally:
        for program in (*programs, scheduler):
            program.end()


@pytest.mark.chaos
@pytest.mark.parametrize(
    "size", [pytest.param(SHORT, id="short"), pytest.param(LONG, id="long", marks=pytest.mark.long)]
)
async def test_every_row_has_its_effect_and_none_has_two(engines: Engines, tmp_path: Path, size: Size) -> None:
    seed = int(os.environ.get("CHAOS_SEED", random.randrange(1_000_000)))
    print(f"to see it again: CHAOS_SEED={seed}")
    chance, book = random.Random(seed), Book(engines)
    await book.open()
    async with _staff(engines, tmp_path) as (workers, scheduler):
        faults = _faults(engines, book, workers, scheduler)
        plan = [fault for _ in range(size.rounds) for fault in chance.sample(faults, len(faults))]
        try:
            for fault in plan:
                seconds = fault.lasting(chance, size.longest_seconds)
                print(f"{fault.kind} {fault.victim} for {seconds:.1f} s")
                async with asyncio.TaskGroup() as happening:
                    happening.create_task(book.write(math.ceil(size.rows / len(plan)), seconds))
                    happening.create_task(fault.happen(seconds))
            await eventually(book.is_done, within=PATIENCE_SECONDS)
            await book.check()
        finally:
            await book.queue.close()
            print(*(line for worker in workers for line in worker.errors()), sep="\n")
