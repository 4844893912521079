"""What every bench stands on: durable engines of its own, in a folder that goes with them."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from server.embedded import schema
from server.embedded.home import open_home
from server.embedded.postgres import Postgres
from server.embedded.profile import DURABLE
from server.embedded.valkey import Valkey
from tests.bench.report import median

BLOCK = b"\0" * 8192
SYNCS = 200


@dataclass(frozen=True, slots=True)
class Ground:
    """A migrated PostgreSQL (fsync and synchronous_commit on) and a Valkey, with nobody else on them."""

    database_url: str
    redis_url: str
    postgres_pid: int
    valkey_pid: int


@asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """Engines for one bench, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="parley-bench-"))
    folder.chmod(0o711)  # the engines may run as another user, who has to walk through
    home = open_home(folder)
    postgres, valkey = Postgres(home, DURABLE), Valkey(home, DURABLE)
    try:
        postgres.start()
        valkey.start()
        await schema.migrate(postgres.url())
        yield Ground(postgres.url(), valkey.url, postgres.pid, valkey.pid)
    finally:
        valkey.stop()
        postgres.stop()
        for leftover in (home.engines, home.sockets, folder):
            shutil.rmtree(leftover, ignore_errors=True)


def sync_us() -> float:
    """What it takes to bring one block to the disk that the engines use: a commit cannot be quicker."""
    with tempfile.TemporaryFile(prefix="parley-bench-") as file:
        waits = []
        for _ in range(SYNCS):
            os.pwrite(file.fileno(), BLOCK, 0)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            waits.append(time.perf_counter() - began)
    return median(waits) * 1e6
