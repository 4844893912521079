"""A worker program for tests: real tasks through the real broker, each of which notes in a file that it began."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import uvloop

from server.config import Settings
from server.errors import Unavailable
from server.logging import configure
from server.queue import Task
from workers import broker, schedule
from workers.duty import Duty
from workers.office import Office

NOTES = "ORDER_NOTES"
LEASE = "ORDER_LEASE"


class Wait(Task):
    """Take so long."""

    row: int
    seconds: float = 0.0


class Fall(Task):
    """Fail, always in the same way."""

    row: int


class Kill(Task):
    """Take the whole process along."""

    row: int


class Need(Task):
    """What this needs is away, unless there is a file of this name."""

    row: int
    path: str


def note(word: str, row: int) -> None:
    """One line, whole, whoever else writes."""
    with Path(os.environ[NOTES]).open("a") as notes:
        notes.write(f"{word} {row}\n")


async def wait(row: int, seconds: float) -> None:
    note("began", row)
    await asyncio.sleep(seconds)
    note("ended", row)


async def fall(row: int) -> None:
    note("began", row)
    raise RuntimeError("it always falls")


async def kill(row: int) -> None:
    note("began", row)
    os.kill(os.getpid(), signal.SIGKILL)


async def need(row: int, path: str) -> None:
    note("began", row)
    if not Path(path).exists():
        raise Unavailable("database_unavailable", retry_after=0.1)
    note("ended", row)


def duties(_: Office) -> list[Duty]:
    carriers: dict[type[Task], Any] = {Wait: wait, Fall: fall, Kill: kill, Need: need}
    return [Duty(task, carry) for task, carry in carriers.items()]


def hanging(_: Office) -> list[Duty]:
    async def sweep() -> int:
        note("began", 1)
        await asyncio.Event().wait()
        return 0

    return [Duty(Wait, wait, sweep=sweep)]


if __name__ == "__main__":
    settings = Settings()
    configure(settings.log_level, settings.log_format)
    if sys.argv[1] == "work":
        uvloop.run(broker.run(settings, duties, lease_seconds=float(os.environ[LEASE])))
    else:
        uvloop.run(schedule.run(settings, hanging))
