"""What a session wants done, and what came of it. Knows neither who does it nor how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.realtime.protocol import ClientInfo, Close, Reply
from server.realtime.seam import Entry, Identity, Position, Publication


@dataclass(frozen=True, slots=True)
class Answer:
    """Effect: say this to the client."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Cut:
    """Effect: end the connection."""

    close: Close


@dataclass(frozen=True, slots=True)
class Leave:
    """Effect: stop listening."""

    channel: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """Work: find out who speaks."""

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class Refresh:
    """Work: find out whether the same person still speaks, with a newer token."""

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class Join:
    """Work: listen to a channel, and find what was missed `since` then, if that is given."""

    id: int
    channel: str
    since: Position | None = None
    must_recover: bool = False
    token: str = ""
    wants_motions: bool = False


@dataclass(frozen=True, slots=True)
class Renew:
    """Work: find out whether a newer token still gives leave to listen."""

    id: int
    channel: str
    token: str


@dataclass(frozen=True, slots=True)
class Publish:
    """Work: post; it ends with the commit."""

    id: int
    channel: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """Work: a remote call."""

    id: int
    method: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """Work: hand over what the client said; nobody waits for an answer."""

    id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Look:
    """Work: find out who listens to a channel."""

    id: int
    channel: str
    wants_count: bool


@dataclass(frozen=True, slots=True)
class Read:
    """Work: the position of a channel, and up to `limit` publications after `since`, or the other way before it."""

    id: int
    channel: str
    limit: int
    since: Position | None
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """Outcome: listening from `position` on; `missed` begins what was missed, None where that cannot be had.

    `ttl_seconds` says how long the leave lasts, None for as long as it is not taken away.
    """

    entry: Entry
    position: Position
    missed: Sequence[Publication] | None = None
    ttl_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Outcome: who it is, and for how many seconds; None for ever. `own` is the channel listened to from the start."""

    who: Identity
    ttl_seconds: int | None
    own: tuple[str, Joined] | None = None


@dataclass(frozen=True, slots=True)
class Renewed:
    """Outcome: the leave lasts so many seconds more."""

    ttl_seconds: int | None


@dataclass(frozen=True, slots=True)
class Present:
    """Outcome: who listens, by connection."""

    clients: Mapping[str, ClientInfo]


@dataclass(frozen=True, slots=True)
class Found:
    """Outcome: where the channel stands, and what was asked for."""

    position: Position
    publications: Sequence[Publication] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """Outcome: it is posted, or taken."""


@dataclass(frozen=True, slots=True)
class Returned:
    """Outcome: what the call answered, finished JSON."""

    data: bytes


Work = SignIn | Refresh | Join | Renew | Publish | Notice | Call | Look | Read
Effect = Answer | Cut | Leave | Work
Outcome = SignedIn | Joined | Renewed | Found | Present | Committed | Returned | Exception
