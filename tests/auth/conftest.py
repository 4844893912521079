"""What the tests about people share: a house with its doors open, and the hands of the clock."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from server import clock
from tests.auth.house import House, open_house


class Hands:
    """The clock of all processes in the test; it runs, and can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def forward(self, seconds: float) -> None:
        self.ahead += seconds

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    held = Hands()
    monkeypatch.setattr(clock, "now", held.now)
    monkeypatch.setattr(clock, "monotonic", held.monotonic)
    return held


@pytest.fixture
async def house(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with open_house(database_url, redis_url) as one:
        yield one


@pytest.fixture
async def next_house(house: House, database_url: str, redis_url: str) -> AsyncIterator[House]:
    """Another process of the same installation."""
    async with open_house(database_url, redis_url) as another:
        yield another
