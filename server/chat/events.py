"""What those who listen are told beside messages: news without a place in a stream, said once and kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from server.chat.constants import Capability, Kind, Status


class Event(Struct, frozen=True, tag_field="type", tag=str.lower, forbid_unknown_fields=True):
    """`type` says which."""


class OfThread(Event, frozen=True):
    """Nearly all of them are about a thread."""

    thread_id: UUID


class Typing(OfThread, frozen=True):
    """Somebody types. Said at most every two seconds for each person, and never taken back: let it fade."""

    user_id: UUID
    name: str


class Drafting(OfThread, frozen=True):
    """The assistant writes a reply: all of it so far. Empty: it is taken back. Gone with the reply, too."""

    reply_to: UUID
    text: str


class Read(OfThread, frozen=True):
    """These people have read up to the message of this `number`. Said at most twice a second for each thread."""

    readers: dict[UUID, int]


class Changed(OfThread, frozen=True):
    """The thread was renamed, tagged, archived, reopened, taken or given back: read it again, as a thread."""


class Unread(OfThread, frozen=True):
    """How many of the `posted` messages one has not read. Said at most twice a second for each thread."""

    unread: int
    posted: int


class Joined(OfThread, frozen=True):
    """One belongs to a thread from now on, or may do something else in it than before."""

    capability: Capability


class Left(OfThread, frozen=True):
    """One no longer belongs to a thread."""


class Line(OfThread, frozen=True, tag="thread"):
    """A thread of the inbox as it now is, for a line in a list. Said at most twice a second for each thread."""

    kind: Kind
    subject: str
    status: Status
    tags: list[str]
    handled_by: UUID | None
    waiting_since: Annotated[datetime, Meta(tz=True)] | None
    posted: int
    active_at: Annotated[datetime, Meta(tz=True)]


class OfCampaign(Event, frozen=True):
    """Some are about a campaign."""

    campaign_id: UUID


class Progress(OfCampaign, frozen=True):
    """How far a campaign is. Said when something changed, at most twice a second."""

    run_id: UUID
    state: str
    counts: dict[str, int]
    per_second: float
    eta_seconds: float | None


class Notice(OfCampaign, frozen=True):
    """A campaign needs somebody: it has paused by itself, and this is why."""

    name: str
    state: str
    why: str


class Suspended(Event, frozen=True):
    """Parley sends an endpoint for events nothing any more, until an admin resumes it; its events wait."""

    endpoint_id: UUID
    why: str


HEARD: Mapping[str, tuple[type[Event], ...]] = {  # by the kind of channel
    "thread": (Typing, Drafting, Read, Changed),
    "room": (Typing, Changed),
    "user": (Unread, Joined, Left),
    "inbox": (Line, Notice, Suspended),
    "campaign": (Progress,),
}
