"""The one factory of Redis and Valkey clients. Knows no key."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

ANSWER_SECONDS = 5.0
CONNECT_SECONDS = 5.0
RETRIES = 6


def connect(url: str, *, answer_seconds: float | None = ANSWER_SECONDS, retries: int = RETRIES) -> Redis:
    """A client that reconnects by itself; it connects when first used.

    Blocking reads take no `answer_seconds`, nor does a task that is to end by cancellation: it bounds each call with
    `asyncio.timeout`. redis-py writes under `asyncio.wait_for`, which before Python 3.12 may lose a cancellation.
    """
    return Redis.from_url(
        url,
        socket_timeout=answer_seconds,
        socket_connect_timeout=CONNECT_SECONDS,
        # Left to itself, from_url() of redis-py 8 never retries: the first command after a restart would fail.
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=1), retries),
    )
