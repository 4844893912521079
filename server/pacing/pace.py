"""How fast one may go: the arithmetic of GCRA over several keys at once. Knows no clock, no wire and no waiting.

A slot is the moment, in microseconds, at which a key is idle again. Whole numbers only, so that the script in
`script.py` comes to the very same answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so many seconds, of which `burst` may come at once."""

    count: int
    seconds: float
    burst: int

    def __post_init__(self) -> None:
        if self.count < 1 or self.seconds <= 0 or self.burst < 1:
            raise ValueError("a rate is at least one in a positive time, with a burst of at least one")

    @property
    def interval(self) -> int:
        """Microseconds between two that come evenly."""
        return max(1, round(self.seconds * MICROSECONDS / self.count))

    @property
    def tolerance(self) -> int:
        """Microseconds by which one may come early."""
        return (self.burst - 1) * self.interval


@dataclass(frozen=True, slots=True)
class Reservation:
    """Whether a place was booked, and how long to wait: for the place, or before asking again."""

    granted: bool
    wait_microseconds: int

    @property
    def wait_seconds(self) -> float:
        """The wait as people and timers count it."""
        return self.wait_microseconds / MICROSECONDS


def reserve(
    slots: Sequence[int | None], rates: Sequence[Rate], now: int, max_wait: int, began: int | None = None
) -> tuple[Reservation, list[int]]:
    """Book one place on every key, or on none when the longest wait exceeds `max_wait`; also the slots afterwards.

    `began`: when what is remembered begins. A key of which nothing is known may have been booked up until then, so
    there is no burst just after everything was forgotten. None: what is not known was idle.

    A place is booked on each key from its own next slot, not from the common wait: one slow key (a busy group) does
    not hold up a key it shares with others (the whole bot).
    """
    starts = [
        max(_unknown(rate, began) if slot is None else slot, now) for slot, rate in zip(slots, rates, strict=True)
    ]
    wait = max(start - rate.tolerance - now for start, rate in zip(starts, rates, strict=True))
    wait = max(0, wait)
    if wait > max_wait:
        return Reservation(False, wait), starts
    return Reservation(True, wait), [start + rate.interval for start, rate in zip(starts, rates, strict=True)]


def _unknown(rate: Rate, began: int | None) -> int:
    return 0 if began is None else began + rate.tolerance + rate.interval
