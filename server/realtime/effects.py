"""What a session wants done, and what came of it. Knows neither who does it nor how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.realtime.protocol import Close, Reply
from server.realtime.seam import Identity, Position, Publication


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
    since: Position | None
    must_recover: bool


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
class Read:
    """Work: the position of a channel, and up to `limit` publications after `since`."""

    id: int
    channel: str
    limit: int
    since: Position


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Outcome: who it is, and for how many seconds; None for ever."""

    who: Identity
    ttl_seconds: int | None


@dataclass(frozen=True, slots=True)
class Joined:
    """Outcome: listening from `position` on; `missed` is everything since then, or None where it cannot be had."""

    position: Position
    missed: Sequence[Publication] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Outcome: where the channel stands, and what was asked for."""

    position: Position
    publications: Sequence[Publication] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """Outcome: it is posted."""


@dataclass(frozen=True, slots=True)
class Returned:
    """Outcome: what the call answered, finished JSON."""

    data: bytes


Work = SignIn | Refresh | Join | Publish | Call | Read
Effect = Answer | Cut | Leave | Work
Outcome = SignedIn | Joined | Found | Committed | Returned | Exception
