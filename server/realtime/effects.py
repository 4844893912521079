"""What a session wants done, and what came of it. Knows neither who does it nor how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from server.realtime.protocol import ClientInfo, Close, Reply
from server.realtime.seam import Entry, Identity, Position, Publication


class Answer(Struct, frozen=True):
    """Effect: say this to the client."""

    reply: Reply


class Cut(Struct, frozen=True):
    """Effect: end the connection."""

    close: Close


class Leave(Struct, frozen=True):
    """Effect: stop listening."""

    channel: str


class Work(Struct, frozen=True):
    """Effect: something that takes a while; its outcome comes back to the session. `id` is the command's."""

    id: int


class SignIn(Work, frozen=True):
    """Work: find out who speaks."""

    token: str


class Refresh(Work, frozen=True):
    """Work: find out whether the same person still speaks, with a newer token."""

    token: str


class Join(Work, frozen=True):
    """Work: listen to a channel, and find what was missed `since` then, if that is given."""

    channel: str
    since: Position | None = None
    must_recover: bool = False
    token: str = ""
    wants_motions: bool = False


class Renew(Work, frozen=True):
    """Work: find out whether a newer token still gives leave to listen."""

    channel: str
    token: str


class Publish(Work, frozen=True):
    """Work: post; it ends with the commit."""

    channel: str
    data: bytes


class Call(Work, frozen=True):
    """Work: a remote call."""

    method: str
    data: bytes


class Notice(Work, frozen=True):
    """Work: hand over what the client said; nobody waits for an answer."""

    data: bytes


class Look(Work, frozen=True):
    """Work: find out who listens to a channel."""

    channel: str
    wants_count: bool


class Read(Work, frozen=True):
    """Work: the position of a channel, and up to `limit` publications after `since`, or the other way before it."""

    channel: str
    limit: int
    since: Position | None
    backwards: bool = False


class Joined(Struct, frozen=True):
    """Outcome: listening from `position` on; `missed` begins what was missed, None where that cannot be had.

    `ttl_seconds` says how long the leave lasts, None for as long as it is not taken away.
    """

    entry: Entry
    position: Position
    missed: Sequence[Publication] | None = None
    ttl_seconds: int | None = None


class SignedIn(Struct, frozen=True):
    """Outcome: who it is, and for how many seconds; None for ever. `own` is the channel listened to from the start."""

    who: Identity
    ttl_seconds: int | None
    own: tuple[str, Joined] | None = None


class Renewed(Struct, frozen=True):
    """Outcome: the leave lasts so many seconds more."""

    ttl_seconds: int | None


class Present(Struct, frozen=True):
    """Outcome: who listens, by connection."""

    clients: Mapping[str, ClientInfo]


class Found(Struct, frozen=True):
    """Outcome: where the channel stands, and what was asked for."""

    position: Position
    publications: Sequence[Publication] = ()


class Committed(Struct, frozen=True):
    """Outcome: it is posted, or taken."""


class Returned(Struct, frozen=True):
    """Outcome: what the call answered, finished JSON."""

    data: bytes


Effect = Answer | Cut | Leave | Work
Outcome = SignedIn | Joined | Renewed | Found | Present | Committed | Returned | Exception
