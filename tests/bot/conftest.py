"""A house whose bot is on, that the tests of one pytest process share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.fake.world import World
from server.bot.drain import Drain
from server.bot.outbox import Outbox
from tests.bot.town import TOKEN, sender, telegram, worker
from tests.rest.house import House, Person, open_house


@pytest.fixture(scope="session")
def world() -> World:
    """Telegram, as far as the tests see it; each brings its own chats."""
    return World()


@pytest.fixture(scope="session")
async def api(world: World) -> AsyncIterator[str]:
    async with telegram(world) as address:
        yield address


@pytest.fixture(scope="session")
async def bot_house(api: str, database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with open_house(database_url, redis_url, telegram_token=TOKEN, telegram_api=api) as one:
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


@pytest.fixture
async def operator(bot_house: House) -> Person:
    return await bot_house.person(role="operator")


@pytest.fixture(scope="session")
async def outbox(api: str, database_url: str, redis_url: str) -> AsyncIterator[Outbox]:
    async with sender(database_url, redis_url, api) as one:
        yield one
