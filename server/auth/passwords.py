"""Passwords and their argon2 hashes, computed in threads of their own. Knows nobody whose password it is."""

from __future__ import annotations

import asyncio
import base64
import os
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from pwdlib.hashers.argon2 import Argon2Hasher

from server.errors import Limited, Unavailable

THREADS = 2  # a hash keeps a core and 19 MB busy for about 30 ms; the event loop needs the other cores
PLACES = 64  # about a second of work for the threads; whoever comes then is told to come back
WAIT_SECONDS = 10.0
RETRY_AFTER_SECONDS = 2.0

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hash costs. The default is OWASP's minimum for argon2id."""

    kibibytes: int = 19_456
    passes: int = 2
    lanes: int = 1


class Passwords:
    """Hashes and verifies, never on the event loop; Limited when too many wait already."""

    def __init__(self, cost: Cost | None = None, *, threads: int = THREADS, places: int = PLACES) -> None:
        cost = cost or Cost()
        self._hasher = Argon2Hasher(cost.passes, cost.kibibytes, cost.lanes)
        self._pool = ThreadPoolExecutor(threads, "passwords")
        self._places = threading.BoundedSemaphore(places)
        self._nobodys = _hash_of_nothing(cost)

    async def hash(self, password: str) -> str:
        """What is kept of a password."""
        return await self._aside(lambda: self._hasher.hash(_canonical(password)))

    async def verify(self, password: str, kept: str | None) -> tuple[bool, str | None]:
        """Whether it is the right one, and a new hash where the kept one is weaker than today's cost.

        Without a kept hash the answer is no, after the same work: the time does not tell who exists.
        """
        return await self._aside(lambda: self._verified(_canonical(password), kept or self._nobodys))

    def close(self) -> None:
        """Wait for the hashes at work; those that only waited are dropped."""
        self._pool.shutdown(cancel_futures=True)

    def _verified(self, password: str, kept: str) -> tuple[bool, str | None]:
        if not self._hasher.verify(password, kept):
            return False, None
        return True, self._hasher.hash(password) if self._hasher.check_needs_rehash(kept) else None

    async def _aside(self, work: Callable[[], Answer]) -> Answer:
        if not self._places.acquire(blocking=False):
            raise Limited("too_many_sign_ins", "too many people sign in at once", retry_after=RETRY_AFTER_SECONDS)
        future = self._pool.submit(work)
        # The place is free again when the work is done or dropped, not when its caller loses patience.
        future.add_done_callback(lambda _: self._places.release())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), WAIT_SECONDS)
        except TimeoutError as error:
            raise Unavailable(
                "passwords_unavailable", "checking passwords takes too long here", retry_after=RETRY_AFTER_SECONDS
            ) from error


def _canonical(password: str) -> str:
    """Keyboards write the same letters in different ways (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _hash_of_nothing(cost: Cost) -> str:
    salt, made_up = (base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={cost.kibibytes},t={cost.passes},p={cost.lanes}${salt}${made_up}"
