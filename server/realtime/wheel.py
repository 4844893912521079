"""When each of many things wants to be looked at next, at the cost of the few that are due. Knows no clock."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar


class Turning(Protocol):
    """Something that stands on the wheel; `turn` belongs to the wheel."""

    turn: int


T = TypeVar("T", bound=Turning)


class Wheel(Generic[T]):
    """One bucket a second. A timer for each of 10,000 connections would cost memory and a heap; this costs neither."""

    def __init__(self, now: float) -> None:
        self._buckets: dict[int, set[T]] = {}
        self._next = int(now)

    def put(self, thing: T, due: float) -> None:
        """Look at it in the first second that begins after `due`."""
        self.remove(thing)
        thing.turn = max(int(due) + 1, self._next)
        self._buckets.setdefault(thing.turn, set()).add(thing)

    def remove(self, thing: T) -> None:
        bucket = self._buckets.get(thing.turn)
        if bucket is not None:
            bucket.discard(thing)
            if not bucket:
                del self._buckets[thing.turn]

    def advance(self, now: float) -> list[T]:
        """Everything that is due by now, taken off the wheel."""
        due: list[T] = []
        while self._next <= now:
            due += self._buckets.pop(self._next, ())
            self._next += 1
        return due
