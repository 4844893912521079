"""What the socket needs of the rooms above it, and who stands behind a connection. Knows no message and no table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is behind a connection; `expires_at` in Unix seconds, None for never."""

    user: UUID
    name: str
    role: str
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the stream of a channel: the offset of its last change, and the life of the stream it counts in.

    An empty epoch says that the channel keeps no stream: nothing to recover, every publication has offset 0.
    """

    epoch: str
    offset: int


@dataclass(frozen=True, slots=True)
class Publication:
    """One change in a channel; `data` is the finished JSON of the message, UTF-8, without a raw newline.

    Offset 0 says that it has no place in the stream (typing, progress): it is news for those who listen now.
    """

    offset: int
    data: bytes


class Rooms(Protocol):
    """What the rooms promise the socket. Whatever goes wrong is raised as one of the seven kinds of `server.errors`."""

    async def sign_in(self, token: str) -> Identity:
        """Who the token speaks for; raises Unauthenticated("token_expired") or Unauthenticated("token_invalid")."""
        ...

    async def join(self, who: Identity, channel: str) -> Position:
        """The top of a channel this person may listen to; raises Missing, Forbidden, Unavailable or Invalid.

        Read it from the rows at every call: an older top than the node has heard of says that the stream was reset.
        """
        ...

    async def publish(self, who: Identity, channel: str, data: bytes) -> None:
        """Post what a client published; returns after the commit."""
        ...

    async def call(self, who: Identity, method: str, data: bytes) -> bytes:
        """Answer a remote call with finished JSON; raises Missing("unknown_method"). `data` is JSON too, or `null`."""
        ...

    async def since(self, channel: str, offset: int, limit: int) -> Sequence[Publication]:
        """What changed after `offset`, ascending. A message edited later moved to a newer offset: holes are legal."""
        ...

    async def tops(self, channels: Sequence[str]) -> Mapping[str, Position]:
        """Where each channel stands, in one query; a channel that is gone is absent."""
        ...
