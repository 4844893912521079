"""A page of 50 messages over REST beside the same page by ORM and Pydantic, in the same process, in turns."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from server import ids
from tests.bench import cpu
from tests.bench.ground import Ground, Result, ground, median, table
from tests.eventually import eventually
from tests.fleet.http import Http
from tests.fleet.server import ROOT, SECRET, free_port

PAGE = 50
SMALL, LARGE = 100, 1_000_000
CALLERS = 32
ROUND_SECONDS = 1.5
ROUNDS = 4

FILL = """
INSERT INTO messages (thread_id, number, "offset", id, author_id, author_kind, text, client_id, tags)
SELECT $1, n, n, gen_random_uuid(), $2, 'user', repeat('Where is my parcel? ', 8), 'c' || n, ARRAY['parcel']
FROM generate_series(1, $3::bigint) n
"""


@dataclass(frozen=True, slots=True)
class Round:
    """What a page cost, in one round of one path."""

    per_second: float
    python_us: float
    postgres_us: float
    size: int


async def measure() -> Result:
    """Our page and the ORM's in turns, and ours again in a huge thread, at its end and in its middle."""
    async with ground() as here, _application(here) as (http, pid):
        token, user = await _reader(http)
        small, large = await _thread(here, user, SMALL), await _thread(here, user, LARGE)
        ours = f"/chat/history?limit={PAGE}&thread_id="
        paths = {
            "ours, latest of 100": f"{ours}{small}",
            "ORM + Pydantic, latest of 100": f"/bench/history?limit={PAGE}&thread_id={small}",
            "ours, latest of 1,000,000": f"{ours}{large}",
            "ours, middle of 1,000,000": f"{ours}{large}&before={LARGE // 2}",
        }
        found: dict[str, list[Round]] = {name: [] for name in paths}
        for _ in range(ROUNDS):
            for name, path in paths.items():
                found[name].append(await _round(here, pid, http.port, token, path))
    return _result(found)


@asynccontextmanager
async def _application(here: Ground) -> AsyncIterator[tuple[Http, int]]:
    """The real application with the ORM's route added, served as `parley serve` does."""
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
        assert await eventually(answers, within=30.0)
        yield http, process.pid
    finally:
        http.close()
        process.terminate()
        process.wait()


async def _reader(http: Http) -> tuple[str, UUID]:
    answer = await http.call("POST", "/auth/guest", {"name": "Reader"})
    return answer.body["access_token"], UUID(answer.body["user"]["id"])


async def _thread(here: Ground, user: UUID, messages: int) -> UUID:
    thread = ids.new()
    connection = await asyncpg.connect(here.database_url)
    try:
        await connection.execute(
            "INSERT INTO threads (id, kind, epoch, posted, top) VALUES ($1, 'room', 'e', $2, $2)", thread, messages
        )
        await connection.execute(FILL, thread, user, messages, timeout=300)
        await connection.execute("VACUUM ANALYZE messages", timeout=300)
    finally:
        await connection.close()
    return thread


async def _round(here: Ground, pid: int, port: int, token: str, path: str) -> Round:
    await _drive(port, token, path, 0.2)
    postgres, python, began = cpu.of_family(here.postgres_pid), cpu.of_process(pid), time.perf_counter()
    count, size = await _drive(port, token, path, ROUND_SECONDS)
    seconds = time.perf_counter() - began
    python_us = (cpu.of_process(pid) - python) / count * 1e6
    postgres_us = cpu.spent(postgres, cpu.of_family(here.postgres_pid)) / count * 1e6
    return Round(count / seconds, python_us, postgres_us, size)


async def _drive(port: int, token: str, path: str, seconds: float) -> tuple[int, int]:
    """So many callers, one request after another; returns how many were answered, and the size of an answer."""
    request = f"GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n".encode()
    end = time.perf_counter() + seconds
    sizes: list[int] = []

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_048_576)
        while time.perf_counter() < end:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            sizes.append(length)
        writer.close()

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return len(sizes), sizes[-1]


def _result(found: dict[str, list[Round]]) -> Result:
    middle = {
        name: Round(
            median([r.per_second for r in rounds]),
            median([r.python_us for r in rounds]),
            median([r.postgres_us for r in rounds]),
            rounds[-1].size,
        )
        for name, rounds in found.items()
    }
    ours, orm, latest, deep = middle.values()
    rows = [(name, r.per_second, r.python_us, r.postgres_us, r.size) for name, r in middle.items()]
    figures = {
        "ours_python_us": ours.python_us,
        "orm_python_us": orm.python_us,
        "ours_postgres_us": ours.postgres_us,
        "orm_postgres_us": orm.postgres_us,
        "ours_per_second": ours.per_second,
        "million_latest_python_us": latest.python_us,
        "million_middle_python_us": deep.python_us,
        "million_latest_postgres_us": latest.postgres_us,
        "million_middle_postgres_us": deep.postgres_us,
    }
    what = "Python CPU of a page of 50 messages, ORM and Pydantic ÷ ours"
    head = ["page", "req/s", "python µs", "postgres µs", "bytes"]
    return Result(table(head, rows), what, orm.python_us / ours.python_us, figures)
