"""What can go wrong, in seven kinds with a stable public code. Knows no HTTP and no socket: each door translates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong value in the input: where it stands, and what would be right."""

    field: str
    message: str


class Problem(Exception):
    """Base of all seven kinds. `code` is stable and public; `detail` says what to do about it, in words."""

    retryable = False

    def __init__(
        self, code: str, detail: str = "", *, retry_after: float | None = None, faults: Sequence[Fault] = ()
    ) -> None:
        super().__init__(detail or code)
        self.code = code
        self.detail = detail or code.replace("_", " ")
        self.retry_after = retry_after
        self.faults = tuple(faults)


class Invalid(Problem):
    """The input cannot be accepted as it is."""


class Unauthenticated(Problem):
    """Nobody is signed in, or the proof of it is no longer good."""


class Forbidden(Problem):
    """The caller is known and may not do this."""


class Missing(Problem):
    """There is no such thing, or the caller may not know that there is."""


class Conflict(Problem):
    """Something else was first, or the state does not allow it."""


class Limited(Problem):
    """Too much at once; try again after `retry_after` seconds."""

    retryable = True


class Unavailable(Problem):
    """A part that is needed does not answer now; try again after `retry_after` seconds."""

    retryable = True
