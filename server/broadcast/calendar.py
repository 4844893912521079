"""When a campaign begins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator

from server.inputs import Input


def _written(value: object) -> object:
    if value is not None and not isinstance(value, str | datetime):
        raise ValueError("write a moment as in 2026-12-01T10:00:00+01:00")
    return value


class Schedule(Input):
    """At once, or at a moment."""

    at: Annotated[AwareDatetime | None, BeforeValidator(_written)] = None


def next_time(schedule: Schedule, after: datetime, zone: str) -> datetime | None:  # noqa: ARG001
    """The first moment after this one; None where there is none."""
    return schedule.at if schedule.at is not None and schedule.at > after else None
