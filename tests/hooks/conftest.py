"""One installation for the tests that need no settings of their own; each brings its own receivers and threads."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.hooks.installation import Installation, installation


@pytest.fixture
async def home(fresh_database: str, redis_url: str) -> AsyncIterator[Installation]:
    async with installation(fresh_database, redis_url) as one:
        yield one
