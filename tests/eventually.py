"""Wait for what is about to become true, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

# All waiting scales with this: a slow machine sets it to 3 instead of editing tests.
TIME_UNIT = float(os.environ.get("TEST_TIME_UNIT", "1"))
POLL_SECONDS = 0.01

T = TypeVar("T")


@overload
async def eventually(check: Callable[[], Awaitable[T | None]], *, within: float = 5.0) -> T: ...
@overload
async def eventually(check: Callable[[], T | None], *, within: float = 5.0) -> T: ...
async def eventually(check: Callable[[], Any], *, within: float = 5.0) -> Any:
    """The first true answer of `check`. An AssertionError in it means "not yet"; the last one is raised in the end."""
    deadline = time.monotonic() + within * TIME_UNIT
    while True:
        failure: AssertionError | None = None
        try:
            answer = check()
            seen = await answer if inspect.isawaitable(answer) else answer
            if seen:
                return seen
        except AssertionError as error:
            failure = error
        if time.monotonic() > deadline:
            raise failure or AssertionError(f"did not become true within {within * TIME_UNIT:g} s: {check!r}")
        await asyncio.sleep(POLL_SECONDS)
