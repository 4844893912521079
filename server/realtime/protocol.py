"""The words of the Centrifuge client protocol, version 2. Knows neither how they are encoded nor who speaks them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Raw, Struct

CommandId = Annotated[int, Meta(ge=0, le=4_294_967_295)]
Offset = Annotated[int, Meta(ge=0)]
NOTHING = Raw()


class StreamPosition(Struct, frozen=True):
    """Where a reader stands in a channel."""

    offset: Offset = 0
    epoch: str = ""


class ConnectRequest(Struct, frozen=True):
    """`subs`, where the client stood in server-side subscriptions, is not read: ours keep no stream."""

    token: str = ""
    name: str = ""
    version: str = ""


class SubscribeRequest(Struct, frozen=True):
    channel: str = ""
    token: str = ""
    recover: bool = False
    epoch: str = ""
    offset: Offset = 0
    join_leave: bool = False
    flag: int = 0


class UnsubscribeRequest(Struct, frozen=True):
    channel: str = ""


class PresenceRequest(Struct, frozen=True):
    channel: str = ""


class PresenceStatsRequest(Struct, frozen=True):
    channel: str = ""


class SubRefreshRequest(Struct, frozen=True):
    channel: str = ""
    token: str = ""


class PublishRequest(Struct, frozen=True):
    channel: str = ""
    data: Raw = NOTHING


class HistoryRequest(Struct, frozen=True):
    channel: str = ""
    limit: int = 0
    since: StreamPosition | None = None
    reverse: bool = False


class RefreshRequest(Struct, frozen=True):
    token: str = ""


class CallRequest(Struct, frozen=True):
    method: str = ""
    data: Raw = NOTHING


class SendRequest(Struct, frozen=True):
    data: Raw = NOTHING


class PingRequest(Struct, frozen=True):
    """A client may ask whether anybody is there; no current SDK does."""


Request = (
    ConnectRequest
    | SubscribeRequest
    | UnsubscribeRequest
    | PublishRequest
    | PresenceRequest
    | PresenceStatsRequest
    | HistoryRequest
    | PingRequest
    | SendRequest
    | CallRequest
    | RefreshRequest
    | SubRefreshRequest
)


class Command(Struct, frozen=True):
    """What a client asks for: exactly one of the methods; none of them is a pong."""

    id: CommandId = 0
    connect: ConnectRequest | None = None
    subscribe: SubscribeRequest | None = None
    unsubscribe: UnsubscribeRequest | None = None
    publish: PublishRequest | None = None
    presence: PresenceRequest | None = None
    presence_stats: PresenceStatsRequest | None = None
    history: HistoryRequest | None = None
    ping: PingRequest | None = None
    send: SendRequest | None = None
    rpc: CallRequest | None = None
    refresh: RefreshRequest | None = None
    sub_refresh: SubRefreshRequest | None = None

    @property
    def request(self) -> Request | None:
        """The one method it carries: the first in the protocol's order. None for a pong."""
        return (
            self.connect
            or self.subscribe
            or self.unsubscribe
            or self.publish
            or self.presence
            or self.presence_stats
            or self.history
            or self.ping
            or self.send
            or self.rpc
            or self.refresh
            or self.sub_refresh
        )


class Empty(Struct, frozen=True):
    """A result that says nothing but its name."""


class Error(Struct, frozen=True, omit_defaults=True):
    code: int
    message: str
    temporary: bool = False


class Published(Struct, frozen=True, omit_defaults=True):
    data: Raw
    offset: int = 0


class ClientInfo(Struct, frozen=True, omit_defaults=True):
    """One connection of somebody: who it is, and what the rooms tell of them."""

    user: str
    client: str
    conn_info: Raw = NOTHING
    chan_info: Raw = NOTHING


class SubscribeResult(Struct, frozen=True, omit_defaults=True):
    expires: bool = False
    ttl: int | None = None  # written whenever `expires` is, even if it is 0
    recoverable: bool = False
    epoch: str = ""
    publications: tuple[Published, ...] = ()
    recovered: bool = False
    offset: int = 0
    positioned: bool = False
    was_recovering: bool = False


class ConnectResult(Struct, frozen=True, omit_defaults=True):
    client: str
    version: str
    expires: bool = False
    ttl: int | None = None
    subs: dict[str, SubscribeResult] = {}
    ping: int = 0
    pong: bool = False


class PresenceResult(Struct, frozen=True):
    presence: dict[str, ClientInfo]


class PresenceStatsResult(Struct, frozen=True):
    num_clients: int
    num_users: int


class HistoryResult(Struct, frozen=True):
    """Always written in full: the SDKs index its fields without a default."""

    publications: tuple[Published, ...]
    epoch: str
    offset: int


class CallResult(Struct, frozen=True):
    data: Raw


class RefreshResult(Struct, frozen=True, omit_defaults=True):
    client: str
    version: str
    expires: bool = False
    ttl: int | None = None


class SubRefreshResult(Struct, frozen=True, omit_defaults=True):
    expires: bool = False
    ttl: int | None = None


class Motion(Struct, frozen=True):
    """Somebody began to listen, or ceased to."""

    info: ClientInfo


class Unsubscribe(Struct, frozen=True):
    code: int
    reason: str


class Push(Struct, frozen=True, omit_defaults=True):
    """News that answers no command. Publications are pushes too, but the codec writes them without this detour."""

    channel: str
    join: Motion | None = None
    leave: Motion | None = None
    unsubscribe: Unsubscribe | None = None


class Reply(Struct, frozen=True, omit_defaults=True):
    """What the server says: an answer with an id, a push, or with neither a ping."""

    id: int = 0
    error: Error | None = None
    push: Push | None = None
    connect: ConnectResult | None = None
    subscribe: SubscribeResult | None = None
    unsubscribe: Empty | None = None
    publish: Empty | None = None
    presence: PresenceResult | None = None
    presence_stats: PresenceStatsResult | None = None
    history: HistoryResult | None = None
    ping: Empty | None = None
    rpc: CallResult | None = None
    refresh: RefreshResult | None = None
    sub_refresh: SubRefreshResult | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """Why a connection ends: from 3000 the SDKs come back, from 3500 to 3999 they do not."""

    code: int
    reason: str


class Malformed(Exception):
    """These bytes are no commands."""


EMPTY = Empty()
PING = Reply()
PONG = Command()

INTERNAL = Error(100, "internal server error", temporary=True)
UNKNOWN_CHANNEL = Error(102, "unknown channel")
PERMISSION_DENIED = Error(103, "permission denied")
METHOD_NOT_FOUND = Error(104, "method not found")
ALREADY_SUBSCRIBED = Error(105, "already subscribed")
LIMIT_EXCEEDED = Error(106, "limit exceeded")
BAD_REQUEST = Error(107, "bad request")
NOT_AVAILABLE = Error(108, "not available")
TOKEN_EXPIRED = Error(109, "token expired")
TOO_MANY_REQUESTS = Error(111, "too many requests", temporary=True)
UNRECOVERABLE = Error(112, "unrecoverable position")
CONFLICT = Error(409, "conflict")  # ours: 400 to 1999 are free for applications
NO_SUCH_THING = Error(404, "not found")

TOO_BIG = Close(1009, "message too big")
SHUTDOWN = Close(3001, "shutdown")
EXPIRED = Close(3005, "connection expired")
SLOW = Close(3008, "slow")
NO_PONG = Close(3012, "no pong")
TOO_MANY_COMMANDS = Close(3013, "too many requests")
INVALID_TOKEN = Close(3500, "invalid token")
BROKEN_RULE = Close(3501, "bad request")
STALE = Close(3502, "stale")
FORCED = Close(3503, "force disconnect")
TOO_MANY_CONNECTIONS = Close(3504, "connection limit")

EXPELLED = Unsubscribe(2000, "server unsubscribe")
INSUFFICIENT_STATE = Unsubscribe(2500, "insufficient state")
SUBSCRIPTION_EXPIRED = Unsubscribe(2501, "subscription expired")
