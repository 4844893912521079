"""Whether one busy channel, or one reader who does not read, is felt by anybody else; beside a naive hub."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from server.chat.names import THREAD
from server.realtime.connection import OUTBOX_BYTES, SEND_BUFFER_BYTES
from server.realtime.protocol import SLOW
from tests.bench import wire
from tests.bench.aside import POLITE, Aside, aside, open_files
from tests.bench.ground import ground
from tests.bench.hubs import TEXT, Hub, Parley, Shape, heard, naive_hub, parley_hub, said
from tests.bench.line import READ_BYTES, Line, Seat
from tests.bench.pinger import ANSWER_SECONDS, Ping
from tests.bench.report import Demand, Result, median, table
from tests.bench.town import neighbour, people, rooms, served
from tests.bench.usage import resident, usage

EVERYBODY = Shape("10,000", 1, 10_000)
A_SECOND = 5
SECONDS = 3.0
ROUNDS = 3

THOUSAND = Shape("1,000", 1, 1000, at_once=8)
LONG = "All work and no play makes a slow reader. " * 90  # 3.8 KB
SAYINGS = 60  # of eight: 1.9 MB, beyond all that is kept for somebody
SMALL_BUFFER = 4096
MIB = 1_048_576

P99_MS = 10.0
NOT_MEASURABLE = 1.10  # what the same measurement differs by on its own
HELD_BYTES = OUTBOX_BYTES + SEND_BUFFER_BYTES


@dataclass(frozen=True, slots=True)
class Waits:
    """How long somebody else waited for the answer to a ping, in ms."""

    asked: int
    p50: float
    p99: float
    worst: float


@dataclass(frozen=True, slots=True)
class Burst:
    """What it cost to reach the thousand: CPU a delivery, the time until all had it, the most memory meanwhile."""

    cpu_us: float
    all_there_ms: float
    resident: int
    closed_with: int = 0


async def measure() -> Result:
    """First the pings in turns, then the bursts in turns."""
    open_files()
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(ground())
        (server,) = await stack.enter_async_context(served(here))
        other = await stack.enter_async_context(neighbour(here))
        pinger = stack.enter_context(aside("pinger"))
        pings: dict[str, list[Waits]] = {}
        guest, lazy = await people(here, 2)
        room = f"{THREAD}{(await rooms(here, 1))[0]}"
        async with (
            parley_hub(here, server, other, EVERYBODY.listeners, nice=POLITE) as parley,
            naive_hub(TEXT.encode(), EVERYBODY.listeners, nice=POLITE) as naive,
        ):
            at_ours = Ping(server.port, Seat(guest, (room,)), SECONDS)
            at_theirs = Ping(naive.port, Seat(path="/alone"), SECONDS)
            for _ in range(ROUNDS):
                pings.setdefault("parley, quiet", []).append(_waits(await pinger.ask(at_ours)))
                pings.setdefault("parley", []).append(await _beside(parley, pinger, at_ours))
                pings.setdefault("naive hub", []).append(await _beside(naive, pinger, at_theirs))
        # In a new process: one that held 10,000 has memory left over, which would hide what a slow reader takes.
        (fresh,) = await stack.enter_async_context(served(here))
        async with parley_hub(here, fresh, other, THOUSAND.listeners) as parley:
            bursts = await _bursts(parley, Seat(lazy, (f"{THREAD}{parley.everybody}",)))
    return _result({name: _middle(some) for name, some in pings.items()}, bursts)


async def _beside(hub: Hub, pinger: Aside, ping: Ping) -> Waits:
    """Ping while the crowd is told something so many times a second."""
    asking = asyncio.create_task(pinger.ask(ping))
    goal = (await heard(hub.crowd)).pushes
    while not asking.done():
        began = time.perf_counter()
        goal = await said(hub, EVERYBODY, goal)
        await asyncio.sleep(max(0.0, 1 / A_SECOND - (time.perf_counter() - began)))
    return _waits(await asking)


def _waits(seconds: list[float]) -> Waits:
    waits = sorted(each * 1e3 for each in seconds)
    return Waits(len(waits), waits[len(waits) // 2], waits[int(len(waits) * 0.99)], waits[-1])


def _middle(some: list[Waits]) -> Waits:
    return Waits(
        sum(each.asked for each in some),
        median([each.p50 for each in some]),
        median([each.p99 for each in some]),
        max(each.worst for each in some),
    )


async def _bursts(parley: Parley, seat: Seat) -> dict[bool, list[Burst]]:
    """In turns without and with somebody who never reads, after one burst that warms up."""
    parley.text = LONG
    await _burst(parley)
    found: dict[bool, list[Burst]] = {False: [], True: []}
    for _ in range(ROUNDS):
        found[False].append(await _burst(parley))
        line = Line(seat, parley.server.port, SMALL_BUFFER)
        await asyncio.to_thread(line.sit_down)
        burst = await _burst(parley)
        found[True].append(replace(burst, closed_with=_end_of(line)))
    return found


async def _burst(parley: Parley) -> Burst:
    goal = (await heard(parley.crowd)).pushes
    before, waits, memory = usage(parley.pids), [], 0
    for number in range(SAYINGS):
        began = time.perf_counter()
        goal = await said(parley, THOUSAND, goal)
        waits.append(time.perf_counter() - began)
        if number % 4 == 0:
            memory = max(memory, resident(parley.server.pid))
    used = usage(parley.pids) - before
    assert (await heard(parley.crowd)).lost == 0
    return Burst(used.total / SAYINGS / THOUSAND.deliveries * 1e6, median(waits) * 1e3, memory)


def _end_of(line: Line) -> int:
    """Read all that is left for somebody who did not read; the code that it was closed with, 0 for a bare end."""
    line.socket.settimeout(ANSWER_SECONDS)
    data = line.rest
    while more := line.receive(READ_BYTES):
        data += more
    line.close()
    return wire.read(data).close_code


def _most(some: list[Burst]) -> int:
    return max(each.resident for each in some)


def _result(pings: dict[str, Waits], bursts: dict[bool, list[Burst]]) -> Result:
    ours, theirs = pings["parley"], pings["naive hub"]
    waits = table(
        ["way", "pings", "p50 ms", "p99 ms", "worst ms"],
        [(name, each.asked, f"{each.p50:.2f}", f"{each.p99:.2f}", f"{each.worst:.1f}") for name, each in pings.items()],
    )
    slow = table(
        ["1,000 readers, 8 messages of 4 KB at once", "CPU µs", "all there ms", "resident MiB"],
        [
            (
                name,
                median([b.cpu_us for b in some]),
                median([b.all_there_ms for b in some]),
                max(b.resident for b in some) / MIB,
            )
            for name, some in [("all read", bursts[False]), ("and one who never does", bursts[True])]
        ],
    )
    what = "p99 of a ping on the same process while 10,000 hear five messages a second: naive hub ÷ ours"
    return Result(f"{waits}\n\n{slow}", what, theirs.p99 / ours.p99, *_judged(pings, bursts))


def _judged(pings: dict[str, Waits], bursts: dict[bool, list[Burst]]) -> tuple[dict[str, float], list[Demand]]:
    ours, without, beside = pings["parley"], bursts[False], bursts[True]
    dearer = median([b.cpu_us / a.cpu_us for a, b in zip(without, beside, strict=True)])
    longer = median([b.all_there_ms / a.all_there_ms for a, b in zip(without, beside, strict=True)])
    held = _most(beside) - min(b.resident for b in without)
    is_cut = all(b.closed_with == SLOW.code for b in beside)
    figures = {
        "p99_ms": ours.p99,
        "p50_ms": ours.p50,
        "worst_ms": ours.worst,
        "quiet_p99_ms": pings["parley, quiet"].p99,
        "naive_p99_ms": pings["naive hub"].p99,
        "slow_reader_cpu_times": dearer,
        "slow_reader_time_times": longer,
        "slow_reader_kib": held / 1024,
    }
    demands = [
        Demand(f"99 of 100 pings within {P99_MS:.0f} ms beside a busy 10,000", f"{ours.p99:.1f} ms", ours.p99 < P99_MS),
        Demand("a slow reader costs the others nothing measurable", f"{dearer:.2f} times", dearer <= NOT_MEASURABLE),
        Demand(f"and at most {HELD_BYTES // 1024:,} KiB", f"{held // 1024:,} KiB", held <= HELD_BYTES),
        Demand(f"and is cut with {SLOW.code}", ", ".join(str(b.closed_with) for b in beside), is_cut),
    ]
    return figures, demands
