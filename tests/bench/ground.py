"""What every bench stands on: durable engines of its own, and the form of a result."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from server.embedded import schema
from server.embedded.home import open_home
from server.embedded.postgres import Postgres
from server.embedded.profile import DURABLE
from server.embedded.valkey import Valkey


@dataclass(frozen=True, slots=True)
class Ground:
    """A migrated PostgreSQL (fsync and synchronous_commit on) and a Valkey, with nobody else on them."""

    database_url: str
    redis_url: str
    postgres_pid: int


@dataclass(frozen=True, slots=True)
class Result:
    """What a bench found: a table for people, a ratio for machines."""

    table: str
    what: str
    ratio: float
    figures: dict[str, float]


@asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """Engines for one bench, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="parley-bench-", dir="/tmp"))
    folder.chmod(0o711)
    home = open_home(folder)
    postgres, valkey = Postgres(home, DURABLE), Valkey(home, DURABLE)
    try:
        postgres.start()
        valkey.start()
        await schema.migrate(postgres.url())
        yield Ground(postgres.url(), valkey.url, postgres.pid)
    finally:
        valkey.stop()
        postgres.stop()
        for leftover in (home.engines, home.sockets, folder):
            shutil.rmtree(leftover, ignore_errors=True)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table, aligned for a terminal too."""
    cells = [list(head), *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [" | ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    rule = "|".join("-" * (width + 1) + ":" for width in widths)
    return "\n".join([f"| {lines[0]} |", f"|{rule}|", *(f"| {line} |" for line in lines[1:])])


def _shown(cell: object) -> str:
    return f"{cell:,.1f}" if isinstance(cell, float) else str(cell)


def median(numbers: Sequence[float]) -> float:
    """The middle one; machines are noisy, and a mean believes every hiccup."""
    return statistics.median(numbers)
