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
NAME_CHARACTERS = 200  # of a contact
CHAT_IDS = 2**52  # Telegram's own bound
IMPORT_BYTES = 268_435_456  # a million contacts with what is known of them, twice over
IMPORT_BATCH = 250  # contacts in one transaction: a few milliseconds
IMPORT_COLUMNS = 100
IMPORT_REFUSALS = 1_000  # then the import stops: whoever sent it has something to correct first
IMPORTS_AT_ONCE = 2  # in one process: each works the database hard
IMPORT_SECONDS = 30.0  # for the next piece of a file; who takes longer is gone, or holds what others need
LINE_BYTES = 65_536  # of one line with its quoted line breaks; more is a quote that was never closed
