"""Redis clients come from one factory, because a client made elsewhere does not reconnect."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis.asyncio.connection import ConnectionPool

from server.valkey import RETRIES, connect

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
FACTORY = ROOT / "server" / "valkey.py"
WAYS = ("Redis.from_url(", "aioredis.from_url(", "asyncio.from_url(", "ConnectionPool.from_url(", " Redis(", "=Redis(")


def test_nobody_else_makes_a_client() -> None:
    others = [
        str(path.relative_to(ROOT))
        for house in ("server", "workers", "bots")
        for path in (ROOT / house).rglob("*.py")
        if path != FACTORY and any(way in path.read_text() for way in WAYS)
    ]
    assert others == []


@pytest.mark.parametrize("url", ["redis://localhost:6379/0", "rediss://localhost/1", "unix:///run/valkey.sock?db=2"])
def test_every_client_tries_again(url: str) -> None:
    pool: ConnectionPool = connect(url).connection_pool
    assert pool.connection_kwargs["retry"].get_retries() == RETRIES


def test_a_client_that_waits_for_news_waits_as_long_as_it_takes() -> None:
    pool: ConnectionPool = connect("redis://localhost/0", answer_seconds=None).connection_pool
    assert pool.connection_kwargs["socket_timeout"] is None
