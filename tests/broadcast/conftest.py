"""A house whose bot is on, with a crew at work, that the tests of one pytest process share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.fake.world import World
from tests.bot.town import TOKEN, telegram
from tests.broadcast.square import crew
from tests.rest.house import House, Person, open_house


@pytest.fixture(scope="session")
def world() -> World:
    return World()


@pytest.fixture(scope="session")
async def api(world: World) -> AsyncIterator[str]:
    async with telegram(world) as address:
        yield address


@pytest.fixture(scope="session")
async def house(api: str, database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with open_house(database_url, redis_url, telegram_token=TOKEN, telegram_api=api) as one:
        yield one


@pytest.fixture
async def operator(house: House) -> Person:
    return await house.person(role="operator")


@pytest.fixture
async def at_work(house: House, api: str, database_url: str, redis_url: str) -> AsyncIterator[None]:
    async with crew(database_url, redis_url, api):
        yield
