"""Redis clients come from one factory, because a client made elsewhere does not reconnect."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import ConnectionPool, SSLConnection

from server.valkey import RETRIES, connect

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
FACTORY = ROOT / "server" / "valkey.py"
WAYS = (
    *("Redis.from_url(", "aioredis.from_url(", "asyncio.from_url(", "ConnectionPool.from_url(", " Redis(", "=Redis("),
    *("RedisCluster.from_url(", "RedisCluster("),
)


def pool(client: Redis | RedisCluster) -> ConnectionPool:
    assert isinstance(client, Redis)
    return client.connection_pool


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
    assert pool(connect(url)).connection_kwargs["retry"].get_retries() == RETRIES


def test_a_cluster_is_asked_again_too() -> None:
    client = connect("rediss+cluster://user:word@10.0.0.1:7000,10.0.0.2")
    assert isinstance(client, RedisCluster)
    assert client.retry.get_retries() == RETRIES
    assert [node.name for node in client.startup_nodes] == ["10.0.0.1:7000", "10.0.0.2:6379"]
    known = client.connection_kwargs
    assert (known["username"], known["password"], known["connection_class"]) == ("user", "word", SSLConnection)


def test_a_client_that_waits_for_news_waits_as_long_as_it_takes() -> None:
    waiting = connect("redis://localhost/0", answer_seconds=None)
    assert pool(waiting).connection_kwargs["socket_timeout"] is None
