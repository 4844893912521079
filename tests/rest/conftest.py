"""A house, and a second process of it, that the tests of one pytest process share. Each brings its own people."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.rest.house import House, open_house


@pytest.fixture(scope="session")
async def house(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with open_house(database_url, redis_url) as one:
        yield one


@pytest.fixture(scope="session")
async def next_door(database_url: str, redis_url: str) -> AsyncIterator[House]:
    """Another process of the same installation."""
    async with open_house(database_url, redis_url) as another:
        yield another
