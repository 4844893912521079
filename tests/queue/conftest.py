"""A Valkey of each test's own, there to be killed and emptied, and a shop of real worker processes on it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from server.embedded.home import open_home
from server.embedded.profile import DURABLE
from server.embedded.valkey import Valkey
from server.queue import Queue, Task
from server.stream import GROUP, SET_ASIDE, STREAM
from server.valkey import connect
from tests.eventually import eventually
from tests.fleet.server import ROOT, SECRET, Program
from tests.queue.orders import LEASE, NOTES

PATIENCE_SECONDS = 60.0  # an interpreter starts in it, on a machine where all tests run at once


class Shop:
    """Worker processes with the duties of `orders`, and what they noted."""

    def __init__(self, database_url: str, redis_url: str, folder: Path, lease_seconds: float) -> None:
        self._folder = folder
        self._notes = folder / "notes"
        self._notes.touch()
        settings = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "SECRET_KEY": SECRET}
        orders = {NOTES: str(self._notes), LEASE: str(lease_seconds), "PYTHONPATH": str(ROOT)}
        self.environment = {**os.environ, **settings, **orders}
        self.queue = Queue(redis_url)
        self.client: Any = connect(redis_url)
        self.workers: list[Program] = []

    def hire(self, command: str = "work") -> Program:
        """One more worker, or a scheduler; returns before it works."""
        worker = Program(command, self._folder, self.environment, module="tests.queue.orders")
        self.workers.append(worker)
        worker.launch()
        return worker

    def noted(self, word: str) -> list[int]:
        """Of which rows, in the order of their coming."""
        lines = (line.split() for line in self._notes.read_text().splitlines())
        return [int(row) for said, row in lines if said == word]

    async def ended(self, *tasks: Task) -> None:
        """Say these, and return when each ended."""
        rows = {task.row for task in tasks}  # type: ignore[attr-defined]
        for task in tasks:
            self.queue.say(task)
        await eventually(lambda: rows <= set(self.noted("ended")), within=PATIENCE_SECONDS)

    async def began(self, row: int, times: int = 1) -> None:
        """Return when it began so often."""
        await eventually(lambda: self.noted("began").count(row) >= times, within=PATIENCE_SECONDS)

    async def empty(self) -> None:
        """Return when Redis keeps nothing of any task."""

        async def is_empty() -> bool:
            pending = await self.client.xpending(STREAM, GROUP)
            return int(await self.client.xlen(STREAM)) == 0 and pending["pending"] == 0

        await eventually(is_empty, within=PATIENCE_SECONDS)

    async def aside(self) -> list[dict[bytes, bytes]]:
        """What was set aside."""
        return [fields for _, fields in await self.client.xrange(SET_ASIDE)]


@asynccontextmanager
async def opened(database_url: str, redis_url: str, folder: Path, lease_seconds: float) -> AsyncIterator[Shop]:
    """A shop with its first worker not hired yet; all are gone at the end."""
    shop = Shop(database_url, redis_url, folder, lease_seconds)
    await shop.queue.open()
    try:
        yield shop
    finally:
        for worker in shop.workers:
            worker.end()
        await shop.queue.close()
        await shop.client.aclose()


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    folder = Path(tempfile.mkdtemp(prefix="parley-queue-", dir="/tmp"))
    folder.chmod(0o711)  # the engine may run as another user, who has to walk through
    engine = Valkey(open_home(folder), DURABLE)
    engine.start()
    try:
        yield engine
    finally:
        engine.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def shop(database_url: str, valkey: Valkey, tmp_path: Path) -> AsyncIterator[Shop]:
    """Its leases last a second."""
    async with opened(database_url, valkey.url, tmp_path, 1.0) as found:
        yield found


@pytest.fixture
async def usual_shop(database_url: str, valkey: Valkey, tmp_path: Path) -> AsyncIterator[Shop]:
    """Its leases leave a worker the time to renew them after an absence of Redis, as the product's own do."""
    async with opened(database_url, valkey.url, tmp_path, 6.0) as found:
        yield found


@pytest.fixture
async def patient_shop(database_url: str, valkey: Valkey, tmp_path: Path) -> AsyncIterator[Shop]:
    """Its leases outlast the test: what moves, moves without them."""
    async with opened(database_url, valkey.url, tmp_path, 600.0) as found:
        yield found
