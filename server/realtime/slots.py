"""The 16,384 slots of a Redis Cluster: which one a channel is in, and who owns which. Asks nobody."""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Sequence
from typing import Any

SLOTS = 16_384


def slot_of(name: bytes) -> int:
    """CRC16 of the name, or of what stands between its first braces if that is anything."""
    start = name.find(b"{")
    if start >= 0:
        end = name.find(b"}", start)
        if end > start + 1:
            name = name[start + 1 : end]
    return binascii.crc_hqx(name, 0) % SLOTS


def owners(answer: Sequence[Any], asked: str) -> Iterator[tuple[range, str, int]]:
    """The masters of an answer to CLUSTER SLOTS: no host means the one that was `asked`, `?` one that is not known."""
    for first, last, (host, port, *_), *_ in answer:
        if host != b"?":
            yield range(first, last + 1), (host or b"").decode() or asked, port
