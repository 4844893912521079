"""What the socket needs of the rooms above it, and who stands behind a connection. Knows no message and no table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import ClassVar, Protocol

from msgspec import Struct

from server.errors import Conflict


class Identity(Struct, eq=False):
    """Who is behind a connection: a name for the person, when that ends (Unix seconds, None for never), and `info`.

    `info` is finished JSON that others see beside the name in presence; empty for nothing. The rooms get back the
    object that they made, so theirs may carry more.
    """

    user: str
    expires_at: float | None = None
    info: bytes = b""


class Position(Struct, frozen=True):
    """A place in the stream of a channel: the offset of its last change, and the life of the stream it counts in.

    An empty epoch says that the channel keeps no stream: nothing to recover, every publication has offset 0.
    """

    epoch: str
    offset: int


class Entry(Struct, frozen=True):
    """The leave to listen to a channel.

    Whoever listens to one `with_presence` is shown to those who ask. Who comes and goes there is told to those who
    want to know, and `with_motions` to everybody.

    `is_granted` says that a token gave the leave, until `expires_at`, and not the person's standing.

    What changed up to `forgotten` can no longer be read: who stood before that does not recover.
    """

    position: Position
    with_presence: bool = False
    with_motions: bool = False
    is_granted: bool = False
    expires_at: float | None = None
    forgotten: int = 0


class Forgotten(Conflict):
    """What followed a position can no longer be read: whoever stood there has to begin anew."""


class Publication(Struct, frozen=True):
    """One change in a channel; `data` is the finished JSON of the message, UTF-8, without a raw newline.

    Offset 0 says that it has no place in the stream (typing, progress): it is news for those who listen now.
    """

    offset: int
    data: bytes


class Motion(Struct, frozen=True):
    """Somebody came to a channel, or went; `data` is the finished JSON of the protocol's ClientInfo."""

    data: bytes
    has_come: bool
    offset: ClassVar[int] = 0


News = Publication | Motion


class Rooms(Protocol):
    """What the rooms promise the socket. Whatever goes wrong is raised as one of the seven kinds of `server.errors`."""

    async def sign_in(self, token: str) -> Identity:
        """Who the token speaks for; raises Unauthenticated("token_expired") or Unauthenticated("token_invalid")."""
        ...

    def own_channel(self, who: Identity) -> str | None:
        """The channel everybody listens to from the start, without asking; it keeps no stream."""
        ...

    async def join(self, who: Identity, channel: str, token: str = "") -> Entry:
        """Let this person listen to a channel; raises Missing, Forbidden, Unavailable, Invalid, or Unauthenticated.

        Read the position from the rows at every call: an older top than the node has heard of says that the stream was
        reset. A `token` may give leave to somebody who has none; Unauthenticated is about that token.
        """
        ...

    async def look(self, who: Identity, channel: str) -> Entry:
        """The same for one who only asks about the channel, and leaves nothing behind."""
        ...

    async def unwelcome(self, listeners: Sequence[tuple[str, Identity]]) -> Collection[tuple[str, str]]:
        """The channel and the name of everybody who may no longer listen to it, read from the rows."""
        ...

    async def expelled(self, people: Sequence[Identity]) -> Sequence[Identity]:
        """Those who may not be here any more: banned, signed out, their token revoked. Cheap: it is asked often."""
        ...

    def changed(self, people: Sequence[Identity]) -> Sequence[Identity]:
        """Those whose rights may have become others since this was asked last. Never waits; asked after `expelled`."""
        ...

    def publish_at_once(self, who: Identity, channel: str, data: bytes, told: Callable[[object], None]) -> bool:
        """Do as `publish` does where nothing has to be waited for but the commit.

        `told` is called once, afterwards: with the exception, or with whatever stands for success.
        False says that nothing was done, and `publish` has to do it. Never raises.
        """
        ...

    async def publish(self, who: Identity, channel: str, data: bytes) -> None:
        """Post what a client published; returns after the commit. `data` is whatever bytes came: look at them."""
        ...

    async def notice(self, who: Identity, data: bytes) -> None:
        """Take what a client said without waiting for an answer: typing."""
        ...

    async def call(self, who: Identity, method: str, data: bytes) -> bytes:
        """Answer a remote call with finished JSON; raises Missing("unknown_method"). `data` is whatever bytes came."""
        ...

    async def since(self, channel: str, offset: int, limit: int) -> Sequence[Publication]:
        """What changed after `offset`, ascending. A message edited later moved to a newer offset: holes are legal.

        Raises Forgotten where a part of it is gone for good, however recently that happened.
        """
        ...

    async def before(self, channel: str, offset: int | None, limit: int) -> Sequence[Publication]:
        """What changed before `offset` (None: before now), the newest first."""
        ...

    async def tops(self, channels: Sequence[str]) -> Mapping[str, Position]:
        """Where each channel stands, in one query; a channel that is gone is absent, and so is one without a stream."""
        ...
