"""The one factory of Redis and Valkey clients, alone or as a cluster. Knows no key."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisClusterException, RedisError

from server.address import addresses, is_cluster

# What a client raises when Redis does not answer, or with an error. The cluster's own is no RedisError.
FAILURES = (RedisError, RedisClusterException, OSError, TimeoutError)
ANSWER_SECONDS = 5.0
CONNECT_SECONDS = 5.0
RETRIES = 6


def connect(url: str, *, answer_seconds: float | None = ANSWER_SECONDS, retries: int = RETRIES) -> Redis | RedisCluster:
    """A client that reconnects by itself; it connects when first used.

    Blocking reads take no `answer_seconds`, nor does a task that is to end by cancellation: it bounds each call with
    `asyncio.timeout`. redis-py writes under `asyncio.wait_for`, which before Python 3.12 may lose a cancellation.
    """
    manners: dict[str, Any] = {
        "socket_timeout": answer_seconds,
        "socket_connect_timeout": CONNECT_SECONDS,
        # Left to itself, from_url() of redis-py 8 never retries: the first command after a restart would fail.
        "retry": Retry(ExponentialWithJitterBackoff(base=0.05, cap=1), retries),
    }
    return RedisCluster(**members(url), **manners) if is_cluster(url) else Redis.from_url(url, **manners)


def members(url: str) -> dict[str, Any]:
    """What redis-py needs to know of a cluster in order to find it."""
    found = addresses(url)
    user, password = found[0].login or (None, None)
    return {
        "startup_nodes": [ClusterNode(each.host, each.port) for each in found],
        "username": user,
        "password": password,
        "ssl": found[0].is_encrypted,
    }
