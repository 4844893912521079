"""The words of the broadcast room: how far a campaign or a delivery has come, and the bounds."""

from __future__ import annotations

from enum import StrEnum


class CampaignState(StrEnum):
    """Where a campaign is in its life; a run has those from `running` on."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


class DeliveryState(StrEnum):
    """How far it has come to one person. `unknown`: it may have arrived. `skipped`: opted out since the start."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    BLOCKED = "blocked"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


class Act(StrEnum):
    """What people do with a campaign."""

    CHANGE = "change"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    EXTEND = "extend"
    RETRY = "retry"
    DELETE = "delete"
    CLONE = "clone"
    TEST = "test"
    PREVIEW = "preview"


class OnUnknown(StrEnum):
    """What becomes of a delivery whose sender died in the middle: left alone, or sent again and perhaps twice."""

    KEEP = "keep"
    RESEND = "resend"


NAME_CHARACTERS = 200
WHY_CHARACTERS = 500
KEY_CHARACTERS = 200
SAMPLE = 10  # people shown of an audience
LOG_LIMIT = 500  # deliveries on a page
PAGE_LIMIT = 100
RATE_LIMIT = 1_000  # messages a second: what Telegram allows with paid broadcast

LEASE_SECONDS = 60  # of a delivery that is being sent; then nobody knows
CALL_SECONDS = 15.0
TRIES = 5  # of one delivery that Telegram's servers could not take; then it has failed
IN_A_ROW = 25  # failures without one success between them pause the campaign
FIRST_SAME = 3  # the first ones, refused in the same words, pause it too: it is the content
