"""New identifiers. UUIDv7 made here, not in the database: production may run a PostgreSQL that has none."""

from __future__ import annotations

import os
import secrets
import time
from uuid import UUID

_NOISE_BYTES = 10
_NOISES = 400  # taken from the kernel at once: asking it for each id is half of its cost
_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


_noises: list[int] = []
os.register_at_fork(after_in_child=_noises.clear)


def new() -> UUID:
    """A fresh UUIDv7: it sorts by the millisecond in which it was made, the rest is random."""
    milliseconds = time.time_ns() // 1_000_000
    try:
        noise = _noises.pop()
    except IndexError:
        fresh = os.urandom(_NOISE_BYTES * _NOISES)
        _noises.extend(int.from_bytes(fresh[at : at + _NOISE_BYTES]) for at in range(0, len(fresh), _NOISE_BYTES))
        noise = _noises.pop()
    rand_a, rand_b = (noise >> 62) & 0xFFF, noise & ((1 << 62) - 1)
    return UUID(int=(milliseconds << 80) | _VERSION_7 | (rand_a << 64) | _VARIANT | rand_b)


def earliest_at(unix_seconds: float) -> UUID:
    """The smallest UUIDv7 of that moment: every id made later compares greater."""
    return UUID(int=(int(unix_seconds * 1000) << 80) | _VERSION_7 | _VARIANT)


def secret(length_bytes: int = 32) -> str:
    """An unguessable word, safe in URLs and headers."""
    return secrets.token_urlsafe(length_bytes)
