"""A page of 50 messages over REST beside the same page by ORM and Pydantic, in the same process, in turns."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
from typing import Any
from uuid import UUID

from server.chat.history import Window
from tests.bench.callers import drive
from tests.bench.cpu import Meter
from tests.bench.ground import Ground, ground
from tests.bench.library import Plan, fill, plan
from tests.bench.report import Demand, Result, median, table
from tests.eventually import eventually
from tests.fleet.http import Answer, Http
from tests.fleet.server import ROOT, SECRET, START_SECONDS, free_port

PAGE = 50
FEW, MANY = 100, 1_000_000
CALLERS = 32
WARM_SECONDS, ROUND_SECONDS = 0.2, 1.5
ROUNDS = 5

WHAT = "Python CPU of a page of 50 messages, ORM and Pydantic ÷ ours"
TIMES_ORM = 5.0
BLOCKS_LIMIT = 20  # a page's rows lie in 3 to 5, the way to them through the key is 3 to 4 long
OURS, ORM = "ours, the latest of 100", "ORM and Pydantic, the latest of 100"
LATEST, DEEP = "ours, the latest of 1,000,000", "ours, the middle of 1,000,000"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a page costs."""

    per_second: float
    python_us: float
    postgres_us: float
    crowding: float


@dataclass(frozen=True, slots=True)
class House:
    """The application under measurement, and a reader who is signed in to it."""

    here: Ground
    pid: int
    http: Http
    reader: UUID

    async def cost(self, path: str) -> Cost:
        """Many callers want this page and nothing else, for a while."""
        request = f"GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {self.http.token}\r\n\r\n".encode()
        await drive(self.http.port, request, CALLERS, WARM_SECONDS)
        meter = Meter(self.pid, self.here.postgres_pid)
        count = await drive(self.http.port, request, CALLERS, ROUND_SECONDS)
        spent = meter.read()
        per_page = 1e6 / count
        return Cost(count / spent.clock, spent.python * per_page, spent.postgres * per_page, spent.crowding * 100)


async def measure() -> Result:
    """Our page and the ORM's in turns, and ours again in a huge thread, at its end and in its middle."""
    async with ground() as here, _house(here) as house:
        few, many = [await fill(here.database_url, house.reader, count) for count in (FEW, MANY)]
        ours = f"/chat/history?limit={PAGE}&thread_id="
        paths = {
            OURS: f"{ours}{few}",
            ORM: f"/bench/history?limit={PAGE}&thread_id={few}",
            LATEST: f"{ours}{many}",
            DEEP: f"{ours}{many}&before={MANY // 2}",
        }
        sizes = {name: _size(await house.http.call("GET", path)) for name, path in paths.items()}
        found: dict[str, list[Cost]] = {name: [] for name in paths}
        for number in range(ROUNDS):
            for name in paths if number % 2 == 0 else reversed(paths):
                found[name].append(await house.cost(paths[name]))
        windows = {
            OURS: (few, Window(PAGE)),
            LATEST: (many, Window(PAGE)),
            DEEP: (many, Window(PAGE, before=str(MANY // 2))),
            "OFFSET 500,000 in place of the cursor (refused at the door)": (many, Window(PAGE, skip=MANY // 2)),
        }
        plans = {name: await plan(here.database_url, *window) for name, window in windows.items()}
    return _result(found, sizes, plans)


@asynccontextmanager
async def _house(here: Ground) -> AsyncIterator[House]:
    """The real application with the ORM's route added, under the loop and the parser of `parley serve`."""
    port = free_port()
    settings = {"DATABASE_URL": here.database_url, "REDIS_URL": here.redis_url, "SECRET_KEY": SECRET}
    command = ["-m", "uvicorn", "tests.bench.orm:create_app", "--factory", "--port", str(port), "--loop", "uvloop"]
    process = subprocess.Popen(
        [sys.executable, *command, "--http", "httptools", "--no-access-log", "--log-level", "warning"],
        cwd=ROOT,
        env={**os.environ, **settings, "LOG_LEVEL": "WARNING"},
    )
    http = Http("127.0.0.1", port)

    async def answers() -> bool:
        try:
            return (await http.call("GET", "/health/ready")).status == 200
        except OSError:
            return False

    try:
        assert await eventually(answers, within=START_SECONDS)
        known = await http.call("POST", "/auth/guest", {"name": "Reader"})
        http.token = known.body["access_token"]
        yield House(here, process.pid, http, UUID(known.body["user"]["id"]))
    finally:
        http.close()
        process.terminate()
        process.wait()


def _size(answer: Answer) -> tuple[int, int]:
    """The bytes of a page, and how many of them are digits of places: those grow with the thread, nothing else may."""
    page: Any = answer.body
    messages = page["messages"] if isinstance(page, dict) else page
    assert [answer.status, len(messages)] == [200, PAGE]
    places = [place for message in messages for place in (message["number"], message["offset"])]
    cursors = [page["before"], page["after"]] if isinstance(page, dict) else []
    return int(answer.headers["content-length"]), sum(len(str(place)) for place in [*places, *cursors])


def _ratio(one: Sequence[Cost], other: Sequence[Cost], of: str) -> float:
    """Over its neighbour in time: what the machine did to one it did to the other."""
    return median([getattr(a, of) / getattr(b, of) for a, b in zip(one, other, strict=True)])


def _result(
    found: Mapping[str, Sequence[Cost]], sizes: Mapping[str, tuple[int, int]], plans: Mapping[str, Plan]
) -> Result:
    cost = {
        name: Cost(*(median(column) for column in zip(*map(astuple, costs), strict=True)))
        for name, costs in found.items()
    }
    blocks = {name: plans[name].blocks if name in plans else "" for name in cost}
    rows = [
        (name, c.per_second, c.python_us, c.postgres_us, sizes[name][0], blocks[name], c.crowding)
        for name, c in cost.items()
    ]
    head = ["page", "pages/s", "python µs", "postgres µs", "bytes", "blocks", "queued %"]
    ratio = _ratio(found[ORM], found[OURS], "python_us")
    figures = {
        "ours_python_us": cost[OURS].python_us,
        "orm_python_us": cost[ORM].python_us,
        "ours_postgres_us": cost[OURS].postgres_us,
        "orm_postgres_us": cost[ORM].postgres_us,
        "ours_per_second": cost[OURS].per_second,
        "orm_per_second": cost[ORM].per_second,
        "million_latest_python_times": _ratio(found[LATEST], found[OURS], "python_us"),
        "million_latest_postgres_times": _ratio(found[LATEST], found[OURS], "postgres_us"),
        "million_middle_python_times": _ratio(found[DEEP], found[OURS], "python_us"),
        "million_middle_postgres_times": _ratio(found[DEEP], found[OURS], "postgres_us"),
        "queued_percent": cost[OURS].crowding,
    }
    return Result(table(head, rows), WHAT, ratio, figures, _demands(ratio, sizes, plans), _appendix(plans))


def _demands(ratio: float, sizes: Mapping[str, tuple[int, int]], plans: Mapping[str, Plan]) -> list[Demand]:
    plain = {name: total - digits for name, (total, digits) in sizes.items() if name != ORM}
    blocks = [plans[name].blocks for name in (OURS, LATEST, DEEP)]
    return [
        Demand("at most a fifth of the ORM's Python CPU", f"1 / {ratio:.1f}", ratio >= TIMES_ORM),
        Demand(
            "the same bytes in a thread of 100 and of 1,000,000, digits of places aside",
            " = ".join(f"{size:,}" for size in plain.values()),
            len(set(plain.values())) == 1,
        ),
        Demand(
            "the same few blocks of the table and its key",
            ", ".join(map(str, blocks)),
            max(blocks) <= BLOCKS_LIMIT,
        ),
    ]


def _appendix(plans: Mapping[str, Plan]) -> str:
    return "\n\n".join(f"{name}:\n\n```\n{plan.text}\n```" for name, plan in plans.items())
