"""What the channels are called in which people listen, and what may be expected of each kind. Knows no thread."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

THREAD = "thread:"
ROOM = "room:"
USER = "user:"
INBOX = "inbox"
CAMPAIGN = "campaign:"
OUTSIDE = "telegram:"  # begins the slug of a thread whose people are outside; nobody listens by it


@dataclass(frozen=True, slots=True)
class Channels:
    """All channels of one kind. A stream can be recovered and read; presence says who else listens."""

    kind: str
    address: str
    about: str
    has_stream: bool
    has_presence: bool


KINDS = (
    Channels("thread", f"{THREAD}{{thread_id}}", "A thread, for whoever may read it.", True, True),
    Channels("room", f"{ROOM}{{name}}", "An open room by its name, made by the first who comes.", True, True),
    Channels("user", f"{USER}{{user_id}}", "What concerns one person alone, who listens from the start.", False, False),
    Channels("campaign", f"{CAMPAIGN}{{campaign_id}}", "How far a campaign is, for operators.", False, False),
    Channels("inbox", INBOX, "What waits for an answer, for operators.", False, True),
)


def channels_of(thread_id: UUID, slug: str | None) -> list[str]:
    """The names under which people listen to a thread."""
    named = f"{THREAD}{thread_id}"
    return [named, slug] if slug is not None and slug.startswith(ROOM) else [named]


def channel_of(user_id: UUID) -> str:
    """Where one person alone is told what concerns them."""
    return f"{USER}{user_id}"
