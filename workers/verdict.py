"""What becomes of a task that was delivered: pure, so that it cannot wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from server.errors import Problem

DELIVERIES = 5  # of one task, whether its worker died, or it failed; then it is set aside
RETRY_SECONDS = 2.0
GROWTH = 4.0


@dataclass(frozen=True, slots=True)
class Done:
    """It was carried out, or there is nothing left to do."""


@dataclass(frozen=True, slots=True)
class Again:
    """To be delivered once more, not before so long. Not counted: this delivery was no fault of the task."""

    seconds: float
    is_counted: bool


@dataclass(frozen=True, slots=True)
class Aside:
    """To be kept for a person to look at."""

    why: str


Verdict: TypeAlias = Done | Again | Aside

DONE = Done()
CUT = Again(0.0, is_counted=False)  # its worker was told to stop: whoever is free takes it at once


def after(error: Exception, count: int) -> Verdict:
    """The verdict on the delivery of this number, counted from 1, that ended with an error."""
    match error:
        case Problem(retryable=True):
            return Again(error.retry_after or RETRY_SECONDS, is_counted=False)
        case Problem():
            return DONE  # the row is gone, or somebody was first
        case _ if count >= DELIVERIES:
            return Aside(repr(error))
        case _:
            return Again(RETRY_SECONDS * GROWTH ** (count - 1), is_counted=True)
