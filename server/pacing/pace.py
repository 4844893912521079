"""How fast we may go: the arithmetic of one pace, pure. Its Lua twin in `script.py` does the same inside Redis."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second in the long run, and so many at once after a rest."""

    per_second: float
    burst: int

    @property
    def interval(self) -> float:
        """Seconds between two that come evenly."""
        return 1.0 / self.per_second


def take(due: float, now: float, rate: Rate) -> tuple[float, float]:
    """One more, where `due` says when the bucket is full again (0 for never used).

    Returns the new `due` and the seconds to wait; with a wait nothing was taken and `due` stays as it is.
    """
    start = max(due, now)
    wait = start + rate.interval - rate.burst * rate.interval - now
    if wait > 1e-9:
        return due, wait
    return start + rate.interval, 0.0
