"""What every test may ask for: a migrated database, an empty one, a Valkey. Engines start when the first test asks."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import pytest
import redis.asyncio

from tests import engines

# The data of a developer's own installation is out of reach of every test.
FOREIGN = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DATA_DIR", "TELEGRAM_TOKEN")

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
