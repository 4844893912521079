"""A house whose bot is on, that the tests of one pytest process share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.bot.drain import Drain
from tests.bot.town import TOKEN, worker
from tests.rest.house import House, open_house


@pytest.fixture(scope="session")
async def bot_house(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with open_house(database_url, redis_url, telegram_token=TOKEN) as one:
        yield one


@pytest.fixture(scope="session")
async def house(database_url: str, redis_url: str) -> AsyncIterator[House]:
    """One without a bot."""
    async with open_house(database_url, redis_url) as one:
        yield one


@pytest.fixture(scope="session")
async def drain(database_url: str, redis_url: str) -> AsyncIterator[Drain]:
    async with worker(database_url, redis_url) as one:
        yield one
