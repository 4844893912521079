"""What it costs to bring one message to many: CPU a delivery, beside a bare loop of send(2) and beside a naive hub."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import astuple, dataclass
from uuid import UUID

from tests.bench.aside import open_files
from tests.bench.ground import ground
from tests.bench.hubs import TEXT, Hub, Shape, bare_hub, heard, naive_hub, parley_hub, said
from tests.bench.report import Demand, Result, median, table
from tests.bench.town import Neighbour, neighbour, rooms, served
from tests.bench.usage import usage

THOUSAND = Shape("1,000", 1, 1000)
BURST = Shape("1,000, 8 at once", 1, 1000, at_once=8)
EVERYBODY = Shape("10,000", 1, 10_000)
HUNDRED = Shape("100 rooms of 100, 16 at once", 100, 100, at_once=16)
FOR_NAIVE = (THOUSAND, BURST)  # every way keeps as many sockets as the shape has listeners
WITHOUT_NAIVE = (EVERYBODY, HUNDRED)
SHAPES = (*FOR_NAIVE, *WITHOUT_NAIVE)
ROUNDS = 3
SECONDS = 0.8
WARM_SAYINGS = 20  # a connection that rested acknowledges its first 16 segments at once, on the sender's account
WAYS = FLOOR, OURS, NAIVE = "bare send(2)", "parley", "naive hub"

AT_THOUSAND = 1.35
OF_NAIVE = 0.5
AT_EVERYBODY = 1.15
USER_US = 1.0
BURST_US = 1.5


@dataclass(frozen=True, slots=True)
class Cell:
    """What one hub did with one shape, in microseconds of CPU a delivery."""

    cpu_us: float
    user_us: float
    deliveries_per_second: float
    all_there_ms: float
    crowd_us: float


Found = dict[tuple[str, Shape], list[Cell]]


async def measure() -> Result:
    """Each shape in turns: bare, ours, naive, bare again; and the other way round in the next round."""
    open_files()
    found: Found = {}
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(ground())
        small, large = await stack.enter_async_context(served(here, 2))
        other = await stack.enter_async_context(neighbour(here))
        sample = await _sample(other, (await rooms(here, 1))[0])
        for some, server in ((FOR_NAIVE, small), (WITHOUT_NAIVE, large)):
            listeners = some[0].listeners
            floor: Hub = await stack.enter_async_context(bare_hub(sample, listeners))
            hubs: list[Hub] = [floor, await stack.enter_async_context(parley_hub(here, server, other, listeners))]
            if some is FOR_NAIVE:
                hubs.append(await stack.enter_async_context(naive_hub(sample, listeners)))
            for number in range(ROUNDS):
                for shape in some:
                    for hub in [*hubs, floor] if number % 2 else [floor, *reversed(hubs)]:
                        found.setdefault((hub.name, shape), []).append(await _cell(hub, shape))
    return _result(found)


async def _sample(other: Neighbour, room: UUID) -> bytes:
    """The JSON of a real message."""
    (posted,) = await other.post([room], TEXT)
    return posted.json.encode()


async def _cell(hub: Hub, shape: Shape) -> Cell:
    """Say, wait until it is everywhere, say again; AssertionError when a single delivery is missing or too many."""
    goal = (await heard(hub.crowd)).pushes
    for _ in range(WARM_SAYINGS):
        goal = await said(hub, shape, goal)
    waits: list[float] = []
    before, crowd_before = usage(hub.pids), usage([hub.crowd.pid])
    began = at = time.perf_counter()
    while at - began < SECONDS:
        goal = await said(hub, shape, goal)
        waits.append(-at + (at := time.perf_counter()))
    used, crowd = usage(hub.pids) - before, usage([hub.crowd.pid]) - crowd_before
    assert (await heard(hub.crowd)).lost == 0
    count = len(waits) * shape.deliveries
    return Cell(
        used.total / count * 1e6,
        used.user / count * 1e6,
        count / (at - began),
        median(waits) * 1e3,
        crowd.total / count * 1e6,
    )


def _middle(cells: Sequence[Cell]) -> Cell:
    return Cell(*(median(column) for column in zip(*map(astuple, cells), strict=True)))


def _over_floor(found: Found, shape: Shape) -> float:
    """CPU over that of the floor just before and just after."""
    floor = found[FLOOR, shape]
    ours = found[OURS, shape]
    pairs = zip(ours, floor[::2], floor[1::2], strict=True)
    return median([cell.cpu_us * 2 / (before.cpu_us + after.cpu_us) for cell, before, after in pairs])


def _over_naive(found: Found, shape: Shape) -> float:
    pairs = zip(found[OURS, shape], found[NAIVE, shape], strict=True)
    return median([ours.cpu_us / theirs.cpu_us for ours, theirs in pairs])


def _result(found: Found) -> Result:
    cells = {key: _middle(rounds) for key, rounds in found.items()}
    shown = sorted(cells.items(), key=lambda pair: (SHAPES.index(pair[0][1]), WAYS.index(pair[0][0])))
    rows = [
        (shape.name, name, c.cpu_us, c.user_us, c.deliveries_per_second, c.all_there_ms, c.crowd_us)
        for (name, shape), c in shown
    ]
    head = ["listeners", "way", "CPU µs", "user µs", "deliveries/s", "all there ms", "client µs"]
    at_thousand, at_everybody = _over_floor(found, THOUSAND), _over_floor(found, EVERYBODY)
    of_naive = _over_naive(found, THOUSAND)
    user, burst = cells[OURS, THOUSAND].user_us, cells[OURS, BURST].cpu_us
    figures = {
        "over_bare_at_10000": at_everybody,
        "over_bare_in_100_rooms": _over_floor(found, HUNDRED),
        "over_naive_at_1000": of_naive,
        "over_naive_8_at_once": _over_naive(found, BURST),
        "cpu_us_at_1000": cells[OURS, THOUSAND].cpu_us,
        "cpu_us_at_10000": cells[OURS, EVERYBODY].cpu_us,
        "cpu_us_8_at_once": burst,
        "user_us_at_1000": user,
        "user_us_at_10000": cells[OURS, EVERYBODY].user_us,
        "deliveries_per_second_at_1000": cells[OURS, THOUSAND].deliveries_per_second,
        "deliveries_per_second_8_at_once": cells[OURS, BURST].deliveries_per_second,
    }
    demands = [
        Demand(
            f"1,000: at most {AT_THOUSAND} times a bare send(2)", f"{at_thousand:.2f} times", at_thousand <= AT_THOUSAND
        ),
        Demand(f"1,000: at most {OF_NAIVE} of the naive hub", f"{of_naive:.2f}", of_naive <= OF_NAIVE),
        Demand(
            f"10,000: at most {AT_EVERYBODY} times a bare send(2)",
            f"{at_everybody:.2f} times",
            at_everybody <= AT_EVERYBODY,
        ),
        Demand(f"1,000: at most {USER_US} µs in user mode a delivery", f"{user:.2f} µs", user <= USER_US),
        Demand(f"8 at once: at most {BURST_US} µs a delivery", f"{burst:.2f} µs", burst <= BURST_US),
    ]
    what = "CPU a delivery over that of a bare send(2), one message to 1,000 sockets, Redis included"
    return Result(table(head, rows), what, at_thousand, figures, demands)
