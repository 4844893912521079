"""`make bench` measures all and keeps a record; `make bench only=posts` measures one, which `args=keep` keeps."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from server.embedded import where
from tests.bench import (
    assistant,
    bus,
    campaign,
    console,
    fairness,
    fanout,
    history,
    idle,
    posts,
    socket_posts,
    storm,
    tasks,
    telegram,
    webhooks,
)
from tests.bench.ground import sync_us
from tests.bench.report import Result

BENCHES: dict[str, Callable[[], Awaitable[Result]]] = {
    "posts": posts.measure,
    "history": history.measure,
    "bus": bus.measure,
    "fanout": fanout.measure,
    "fairness": fairness.measure,
    "idle": idle.measure,
    "socket-posts": socket_posts.measure,
    "storm": storm.measure,
    "tasks": tasks.measure,
    "webhooks": webhooks.measure,
    "assistant": assistant.measure,
    "telegram": telegram.measure,
    "campaign": campaign.measure,
    "console": console.measure,
}
RECORDS = Path(__file__).resolve().parents[2] / "docs" / "measurements"
KEEP = "keep"
PARTS = ("asyncpg", "sqlalchemy", "fastapi", "pydantic", "uvicorn", "uvloop")


async def show(name: str) -> Result:
    """Measure one; its line of JSON is the last that is printed."""
    result = await BENCHES[name]()
    print(f"{result.text()}\n\n{result.line(name)}", flush=True)
    return result


def keep(name: str, result: Result, machine: str) -> None:
    """The record of the day; a later run of the same day takes its place."""
    today = datetime.now(UTC).date()
    parts = [f"# {name}, measured {today}", machine, result.text(), f"```json\n{result.line(name)}\n```"]
    parts += [f"## Plans\n\n{result.appendix}"] if result.appendix else []
    (RECORDS / f"{today}-{name}.md").write_text("\n\n".join(parts) + "\n")


def machine() -> str:
    """What to know of it before comparing; nothing that names it."""
    versions = ", ".join(f"{part} {importlib.metadata.version(part)}" for part in PARTS)
    system = f"Linux {platform.release().split('-')[0]}, {os.cpu_count()} cores ({platform.machine()})"
    engine = f"PostgreSQL {where.postgres().version}, Python {platform.python_version()}"
    disk = f"One block to the disk: {sync_us():.0f} µs"
    return f"{system}; {engine}; {versions}. {disk}. Load when it began: {os.getloadavg()[0]:.1f}."


async def run(names: list[str], *, is_kept: bool) -> None:
    """These, one after the other."""
    for name in names:
        facts = machine()
        result = await show(name)
        if is_kept:
            keep(name, result, facts)


def main() -> None:
    """What the command line asks for."""
    wanted = [name for name in (argument.removeprefix("only=") for argument in sys.argv[1:]) if name]
    is_kept = not wanted or KEEP in wanted
    wanted = [name for name in wanted if name != KEEP]
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        sys.exit(f"there is no bench {unknown[0]}; there are: {', '.join(BENCHES)}")
    uvloop.run(run(wanted or list(BENCHES), is_kept=is_kept))


if __name__ == "__main__":
    main()
