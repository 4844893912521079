"""What every test may ask for: a migrated database, an empty one, a Valkey. Engines start when the first test asks."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
import redis.asyncio

from tests import engines

ROOT = Path(__file__).parent
UNIT_FOLDERS = {"unit", "house"}
# The data of a developer's own installation is out of reach of every test.
FOREIGN = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DATA_DIR", "TELEGRAM_TOKEN", "LLM_MODELS")

numbers = itertools.count(1)
open_session = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    for name in FOREIGN:
        os.environ.pop(name, None)
    if not hasattr(config, "workerinput"):  # pytest's first process, not one of xdist's workers
        stack = config.stash[open_session] = ExitStack()
        stack.enter_context(engines.session())


def pytest_unconfigure(config: pytest.Config) -> None:
    if stack := config.stash.get(open_session, None):
        stack.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if UNIT_FOLDERS & set(item.path.relative_to(ROOT).parts):
            item.add_marker(pytest.mark.unit)


@pytest.fixture(autouse=True)
def closed_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit test that reaches for a socket fails by name, instead of passing where something happens to listen."""
    if request.node.get_closest_marker("unit") is None:
        return

    def refuse(_: socket.socket, address: object) -> None:
        raise RuntimeError(f"a unit test tried to connect to {address!r}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture(scope="session")
async def database_url() -> AsyncIterator[str]:
    """A migrated database that this pytest process has to itself, shared by its tests."""
    found = engines.engines()
    async with _database(found, found.template) as url:
        yield url


@pytest.fixture
async def fresh_database() -> AsyncIterator[str]:
    """A migrated database for this test alone."""
    found = engines.engines()
    async with _database(found, found.template) as url:
        yield url


@pytest.fixture(scope="module")
async def module_database() -> AsyncIterator[str]:
    """A migrated database for the tests of one file that share what is expensive to start."""
    found = engines.engines()
    async with _database(found, found.template) as url:
        yield url


@pytest.fixture
async def empty_database() -> AsyncIterator[str]:
    """A database without a single table, for this test alone."""
    async with _database(engines.engines(), "template0") as url:
        yield url


@pytest.fixture(scope="session")
async def redis_url() -> str:
    """A Valkey that this pytest process has to itself, emptied, shared by its tests."""
    found = engines.engines()
    url = found.redis[engines.worker()]
    async with redis.asyncio.Redis.from_url(url) as client:
        await client.flushdb()
    return url


@asynccontextmanager
async def _database(found: engines.Engines, template: str) -> AsyncIterator[str]:
    name = f"{found.template}_{engines.worker()}_{next(numbers)}"
    await engines.execute(found.database, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    try:
        yield engines.named(found.database, name)
    finally:
        await engines.execute(found.database, f'DROP DATABASE "{name}" WITH (FORCE)')
