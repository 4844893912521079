"""Tasks through Redis: our stream beside taskiq-redis as it comes, one worker each, and how soon a task begins."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from taskiq.message import BrokerMessage, TaskiqMessage
from taskiq_redis import RedisStreamBroker

from server import ids
from server.queue import Queue, Task
from server.stream import DATA, STREAM
from server.valkey import connect
from tests.bench.aside import aside
from tests.bench.carriers import STOCK_STREAM, Carried, Carry
from tests.bench.cpu import ran
from tests.bench.ground import Ground, ground
from tests.bench.report import Demand, Result, median, table
from tests.bench.usage import resident
from tests.eventually import eventually

ROUNDS = 5
TASKS = 10_000
CROWD = 100_000
SINGLES = 400
PAUSE_SECONDS = (0.01, 0.04)
SAMPLE_SECONDS = 0.1
PAGE = 1000
MIB = 1024 * 1024

SOON_MS = 20.0
GROWTH_MIB = 8.0


class Note(Task):
    """Look at the clock."""

    row: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one round: tasks a second, and µs of CPU a task."""

    per_second: float
    python: float
    redis: float


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB: of the worker soon after it began and at most, of Valkey when full and at most."""

    early: float
    most: float
    full: float
    peak: float


async def _fill(url: str, broker: RedisStreamBroker, stream: str, count: int) -> None:
    async with connect(url) as client:
        for first in range(0, count, PAGE):
            pipe: Any = client.pipeline(transaction=False)
            for row in range(first, min(first + PAGE, count)):
                pipe.xadd(stream, {DATA: _written(broker, row).message})
            await pipe.execute()


def _written(broker: RedisStreamBroker, row: int) -> BrokerMessage:
    message = TaskiqMessage(task_id=str(ids.new()), task_name="Note", labels={}, args=[], kwargs={"row": row})
    return broker.formatter.dumps(message)


async def _drained(here: Ground, broker: RedisStreamBroker, *, is_ours: bool) -> Cost:
    await _fill(here.redis_url, broker, STREAM if is_ours else STOCK_STREAM, TASKS)
    with aside("carriers") as worker:
        redis = ran(here.valkey_pid)
        found: Carried = await worker.ask(Carry(is_ours, here.redis_url, TASKS))
        redis = ran(here.valkey_pid) - redis
    return Cost(TASKS / found.seconds, found.cpu_seconds / TASKS * 1e6, redis / TASKS / 1e3)


async def _crowd(here: Ground, broker: RedisStreamBroker) -> Memory:
    """A hundred thousand at once, ours alone."""
    await _fill(here.redis_url, broker, STREAM, CROWD)
    full = resident(here.valkey_pid)
    with aside("carriers") as worker:
        asked = asyncio.create_task(worker.ask(Carry(True, here.redis_url, CROWD)))
        samples: list[tuple[int, int]] = []
        async with connect(here.redis_url) as client:
            while not asked.done():
                left = int(await client.xlen(STREAM))
                if left < CROWD - PAGE:
                    samples.append((resident(worker.pid), resident(here.valkey_pid)))
                await asyncio.sleep(SAMPLE_SECONDS)
            assert await client.xlen(STREAM) == 0
        await asked
    workers, servers = [own for own, _ in samples], [theirs for _, theirs in samples]
    return Memory(workers[0] / MIB, max(workers) / MIB, full / MIB, max(servers) / MIB)


async def _is_read(url: str, stream: str) -> bool:
    async with connect(url) as client:
        (group,), newest = await client.xinfo_groups(stream), await client.xinfo_stream(stream)
        return bool(group["last-delivered-id"] == newest["last-generated-id"])


async def _latencies(here: Ground, broker: RedisStreamBroker, *, is_ours: bool) -> list[float]:
    """Milliseconds from the commit of a row to the start of its task, each after a pause."""
    queue = Queue(here.redis_url)
    await queue.open()
    rows = await asyncpg.connect(here.database_url)
    await rows.execute("CREATE TABLE IF NOT EXISTS bench_rows (row bigint)")
    committed: list[float] = []
    with aside("carriers") as worker:
        asked = asyncio.create_task(worker.ask(Carry(is_ours, here.redis_url, SINGLES)))
        for row in range(SINGLES):
            await asyncio.sleep(random.uniform(*PAUSE_SECONDS))
            await rows.execute("INSERT INTO bench_rows VALUES ($1)", row)
            committed.append(time.monotonic())
            if is_ours:
                queue.say(Note(row=row))
            else:
                await broker.kick(_written(broker, row))
            if row == 0:  # it waits for the worker to start, and is not counted
                await eventually(lambda: _is_read(here.redis_url, STREAM if is_ours else STOCK_STREAM), within=30.0)
        found: Carried = await asked
    await rows.close()
    await queue.close()
    waits = [began - at for began, at in zip(found.began, committed, strict=True)]
    return sorted(wait * 1e3 for wait in waits[1:])


async def measure() -> Result:
    """Rounds in turns, forwards and backwards; then the crowd, then single tasks on a machine that rests."""
    async with ground() as here:
        broker = RedisStreamBroker(here.redis_url, queue_name=STOCK_STREAM, consumer_id="0")
        await broker.startup()
        costs: dict[bool, list[Cost]] = {True: [], False: []}
        for number in range(ROUNDS):
            for is_ours in (True, False) if number % 2 == 0 else (False, True):
                costs[is_ours].append(await _drained(here, broker, is_ours=is_ours))
        waits = {is_ours: await _latencies(here, broker, is_ours=is_ours) for is_ours in (True, False)}
        memory = await _crowd(here, broker)
        await broker.shutdown()
    return _result(costs, waits, memory)


def _middle(costs: Sequence[Cost]) -> Cost:
    return Cost(*(median([getattr(cost, part) for cost in costs]) for part in ("per_second", "python", "redis")))


def _part(waits: Sequence[float], share: float) -> float:
    return waits[min(len(waits) - 1, int(len(waits) * share))]


def _result(costs: dict[bool, list[Cost]], waits: dict[bool, list[float]], memory: Memory) -> Result:
    middles = {
        name: (_middle(costs[is_ours]), waits[is_ours]) for name, is_ours in (("parley", True), ("stock", False))
    }
    rows = [
        (name, cost.per_second, cost.python, cost.redis, _part(wait, 0.5), _part(wait, 0.99))
        for name, (cost, wait) in middles.items()
    ]
    head = ["way", "tasks a second", "python µs", "redis µs", "starts after ms, p50", "p99"]
    ratio = median(
        [ours.per_second / theirs.per_second for ours, theirs in zip(costs[True], costs[False], strict=True)]
    )
    figures = {
        f"{name}_{what}": value
        for (name, *values) in rows
        for what, value in zip(("tasks_per_second", "python_us", "redis_us", "p50_ms", "p99_ms"), values, strict=True)
    }
    figures |= {"worker_mib": memory.early, "worker_most_mib": memory.most}
    figures |= {"valkey_full_mib": memory.full, "valkey_most_mib": memory.peak}
    late, growth = figures["parley_p99_ms"], memory.most - memory.early
    demands = [
        Demand("no slower than stock", f"{ratio:.2f} times as fast", ratio >= 1),
        Demand(f"a task begins within {SOON_MS:.0f} ms of the commit, p99", f"{late:.1f} ms", late < SOON_MS),
        Demand(
            f"{CROWD:,} tasks: the worker grows by less than {GROWTH_MIB:.0f} MiB", f"{growth:.1f}", growth < GROWTH_MIB
        ),
        Demand(
            "and Valkey by as much at most",
            f"{memory.peak - memory.full:.1f} from {memory.full:.0f}",
            memory.peak - memory.full < GROWTH_MIB,
        ),
    ]
    what = "tasks per second through one worker, 10,000 waiting: our stream ÷ taskiq-redis' RedisStreamBroker"
    return Result(table(head, rows), what, ratio, figures, demands)
