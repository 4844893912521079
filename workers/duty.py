"""One task that a room declares, and who does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from server.queue import Task


@dataclass(frozen=True, slots=True)
class Duty:
    """`carry` is called with the task's fields by name whenever the task is said.

    `sweep` finds the same work in the rows without being told, and returns how many rows it did; any number of
    processes may sweep at once. None for work that no row waits for.
    """

    task: type[Task]
    carry: Callable[..., Awaitable[object]]
    sweep: Callable[[], Awaitable[int]] | None = None
