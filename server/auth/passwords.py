"""Passwords as argon2 hashes, reckoned beside the event loop and only so many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from server.errors import Limited

AT_ONCE = 2  # each takes 64 MB and a core for a tenth of a second
WAITING_LIMIT = 32  # more than three seconds of work; whoever comes then is told to come back
MEMORY_KIB = 65_536

Answer = TypeVar("Answer")


class Passwords:
    """Hashes and verifies; `verify` against no hash costs the same as against a wrong one."""

    def __init__(self, memory_kib: int = MEMORY_KIB) -> None:
        self._hasher = Argon2Hasher(memory_cost=memory_kib)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._nobody = self._hasher.hash("nobody's password")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The hash to keep. Raises Limited when too many wait."""
        return await self._aside(lambda: self._hasher.hash(password))

    async def verify(self, password: str, kept: str | None) -> bool:
        """Whether this is the password; always False, and as slow, without a kept hash."""
        right = await self._aside(lambda: self._matches(password, kept or self._nobody))
        return right and kept is not None

    def _matches(self, password: str, kept: str) -> bool:
        try:
            return self._hasher.verify(password, kept)
        except UnknownHashError:
            return False

    async def _aside(self, reckon: Callable[[], Answer]) -> Answer:
        if self._waiting >= WAITING_LIMIT:
            raise Limited("sign_in_busy", "too many people sign in at once; try again", retry_after=2.0)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, reckon)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
