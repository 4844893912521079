"""What time it is. The one place that asks the machine, so that a test can hold the hands."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds on a clock that never goes back; only differences mean anything."""
    return time.monotonic()
