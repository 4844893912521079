"""Clients of Redis or Valkey for everything but the bus: the one factory, with the retries that redis-py leaves out."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

ANSWER_SECONDS = 1.0  # nothing asked here takes longer; whoever waits has a way without Redis
CONNECTIONS = 16

# What redis-py raises when the server is away or just came back.
GONE = (OSError, RedisConnectionError, RedisTimeoutError)


def connect(url: str) -> Redis:
    """A client that connects when first used and tries a broken connection again. `from_url` alone never would."""
    return Redis.from_url(
        url,
        max_connections=CONNECTIONS,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(ExponentialWithJitterBackoff(base=0.02, cap=0.2), 2),
    )
