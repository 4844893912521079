"""The words of the bot room: how far an update or a relay has come, and the bounds."""

from __future__ import annotations

from enum import StrEnum


class UpdateState(StrEnum):
    """How far an update has come. A dead one was set aside after some tries, and blocks nobody."""

    WAITING = "waiting"
    DONE = "done"
    DEAD = "dead"


class RelayStatus(StrEnum):
    """How far a message has come on its way out. `unknown`: nobody can say whether Telegram took it."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


UPDATE_BYTES = 1_048_576  # whatever REQUEST_BYTES says: an update that is refused blocks its chat for a day
TRIES = 5  # of an update that cannot be taken in, before it is set aside
