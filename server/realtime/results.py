"""What came of a command, in the protocol's words. Knows no session and no order of things."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Raw

from server.realtime import protocol
from server.realtime.effects import (
    Call,
    Found,
    Joined,
    Look,
    Outcome,
    Present,
    Read,
    Returned,
    Work,
)
from server.realtime.protocol import HistoryResult, Published, Reply, SubscribeResult
from server.realtime.seam import Publication


def published(publications: Sequence[Publication]) -> tuple[Published, ...]:
    """Publications as they stand inside a result."""
    return tuple(Published(Raw(each.data), each.offset) for each in publications)


def subscribed(joined: Joined, *, was_recovering: bool = False) -> SubscribeResult:
    """How somebody listens from now on."""
    has_stream = bool(joined.position.epoch)
    return SubscribeResult(
        expires=joined.ttl_seconds is not None,
        ttl=joined.ttl_seconds,
        recoverable=has_stream,
        positioned=has_stream,
        epoch=joined.position.epoch,
        offset=joined.position.offset,
        publications=published(joined.missed or ()),
        was_recovering=was_recovering,
        recovered=joined.missed is not None,
    )


def reply(work: Work, outcome: Outcome) -> Reply | None:
    """The answer to what asks for something; None where nobody waits for one."""
    match work, outcome:
        case Read(number, _, _, since), Found(position, publications):
            if since is not None and since.epoch and since.epoch != position.epoch:
                return Reply(number, error=protocol.UNRECOVERABLE)
            return Reply(number, history=HistoryResult(published(publications), position.epoch, position.offset))
        case Look(number, _, wants_count), Present(clients):
            if wants_count:
                users = len({each.user for each in clients.values()})
                return Reply(number, presence_stats=protocol.PresenceStatsResult(len(clients), users))
            return Reply(number, presence=protocol.PresenceResult(dict(clients)))
        case Call(number), Returned(data):
            return Reply(number, rpc=protocol.CallResult(Raw(data)))
        case _:
            return None
