"""One connection as a pure state machine: commands and time go in, effects come out. Knows no socket, clock or task."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from server.realtime import protocol, refusal
from server.realtime.effects import (
    Answer,
    Call,
    Cut,
    Effect,
    Join,
    Joined,
    Leave,
    Look,
    Notice,
    Outcome,
    Publish,
    Read,
    Refresh,
    Renew,
    Renewed,
    SignedIn,
    SignIn,
    Work,
)
from server.realtime.protocol import Close, Command, Error, Reply, Unsubscribe
from server.realtime.results import reply, subscribed
from server.realtime.seam import Identity, Position

VERSION = "parley"
CHANNELS = 128  # a connection listens to at most so many; the next is refused with 106
CHANNEL_LETTERS = 255
PENDING_COMMANDS = 128  # with more the socket is not read until they are worked off
COMMANDS_LIMIT = 8_192  # what may come at one blow, before the reading stops: about 1.5 MB; with more it is cut
PUBLISHES_IN_FLIGHT = 64  # the journal commits them together; the next wait in the queue
HISTORY_LIMIT = 300
REJECT_UNRECOVERED = 2  # a bit of the subscribe flag


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a session waits for what."""

    ping_seconds: float = 25  # a dead line is seen after this and the wait for the pong at the latest
    pong_seconds: float = 8
    stale_seconds: float = 10  # who opens a socket and does not sign in by then is cut
    grace_seconds: float = 25  # between the end of a token and the end of its connection


@dataclass(frozen=True, slots=True)
class Subscription:
    """How a client listens to a channel. The server began those `by_server`, and a token gave leave where `granted`."""

    by_server: bool = False
    is_granted: bool = False
    with_presence: bool = False


_subscription = cache(Subscription)  # eight of them serve all connections


class Session:
    """Commands start in the order they came. Publishes may overlap each other; everything else runs alone."""

    __slots__ = (
        "_asked_at",
        "_ends",
        "_is_alone",
        "_look_at",
        "_pace",
        "_phase",
        "_publishing",
        "_queue",
        "_was_refused",
        "channels",
        "client",
        "expires_at",
        "is_over",
        "who",
    )

    def __init__(self, client: str, pace: Pace, now: float, phase: float) -> None:
        """`phase`, 0 to 1, spreads the first pings: connections accepted together must not tick together."""
        self.client = client
        self.who: Identity | None = None
        self.channels: dict[str, Subscription] = {}
        self.expires_at: float | None = None
        self.is_over = False
        self._ends: dict[str, float] | None = None  # of the few subscriptions that have an end
        self._pace = pace
        self._phase = phase
        self._queue: deque[Command] | None = None  # most sessions have nothing to wait for
        self._publishing = 0
        self._is_alone = False
        self._was_refused = False
        self._look_at = now + pace.stale_seconds
        self._asked_at: float | None = None

    @property
    def is_congested(self) -> bool:
        """Whether the client should not be listened to for now."""
        return self._queue is not None and len(self._queue) >= PENDING_COMMANDS

    def receive(self, commands: Sequence[Command]) -> list[Effect]:
        """Take what one frame brought."""
        for command in commands:
            if not command.id and command.send is None:
                if self._asked_at is None:
                    return self._cut(protocol.BROKEN_RULE)
                self._asked_at = None
            else:
                if self._queue is None:
                    self._queue = deque()
                self._queue.append(command)
        if self._queue is not None and len(self._queue) > COMMANDS_LIMIT:
            return self._cut(protocol.TOO_MANY_COMMANDS)
        return self._advance()

    def finish(self, work: Work, outcome: Outcome, now: float) -> list[Effect]:
        """Take what came of a piece of work, and go on with what waited for it."""
        if isinstance(work, Publish):
            self._publishing -= 1
        else:
            self._is_alone = False
        if self.is_over:
            return []
        refused = _refused(work, outcome) if isinstance(outcome, Exception) else None
        if refused is None:
            effects = self._conclude(work, outcome, now)
        elif isinstance(refused, Close):
            return self._cut(refused)
        else:
            # Who sends without an id waits for no answer, and could not tell what it belongs to.
            effects = [Answer(Reply(work.id, error=refused))] if work.id else []
            if isinstance(work, SignIn):
                self._queue, self._was_refused = None, True
        return effects + self._advance()

    def tick(self, now: float) -> list[Effect]:
        """Do what the time asks for; to be called at `due`, or a little later."""
        if self.who is None:
            return self._cut(protocol.STALE) if now >= self._look_at else []
        if self.expires_at is not None and now >= self.expires_at + self._pace.grace_seconds:
            return self._cut(protocol.EXPIRED)
        if self._asked_at is not None and now >= self._asked_at + self._pace.pong_seconds:
            return self._cut(protocol.NO_PONG)
        effects: list[Effect] = []
        for channel in [name for name, end in (self._ends or {}).items() if now >= end + self._pace.grace_seconds]:
            effects += [Leave(channel), *self.expel(channel, protocol.SUBSCRIPTION_EXPIRED)]
        if now >= self._look_at and self._asked_at is None:
            self._asked_at = now
            self._look_at = now + self._pace.ping_seconds
            effects.append(Answer(protocol.PING))
        return effects

    @property
    def due(self) -> float:
        """When `tick` wants to be called next."""
        at = self._look_at if self._asked_at is None else self._asked_at + self._pace.pong_seconds
        ends = [*(() if self.expires_at is None else (self.expires_at,)), *(self._ends or {}).values()]
        return min(at, min(ends) + self._pace.grace_seconds) if ends else at

    def expel(self, channel: str, why: Unsubscribe) -> list[Effect]:
        """The server ends a subscription; with a code from 2500 on the SDK subscribes again by itself."""
        if self.is_over or channel not in self.channels:
            return []
        self._forget(channel)
        return [Answer(Reply(push=protocol.Push(channel, unsubscribe=why)))]

    def end(self) -> None:
        """Nothing more is to come: the socket is gone, or the server closes it."""
        self.is_over = True
        self._queue = None

    def _cut(self, close: Close) -> list[Effect]:
        self.end()
        return [Cut(close)]

    def _advance(self) -> list[Effect]:
        effects: list[Effect] = []
        while self._queue and not self._is_alone:
            command = self._queue[0]
            request = command.request
            if isinstance(request, protocol.PublishRequest):
                if self._publishing >= PUBLISHES_IN_FLIGHT:
                    break
            elif self._publishing:
                break
            self._queue.popleft()
            effects += self._start(command.id, request)
        if not self._queue:
            self._queue = None
        return effects

    def _start(self, number: int, request: protocol.Request | None) -> list[Effect]:
        may_start = self.who is not None or (isinstance(request, protocol.ConnectRequest) and not self._was_refused)
        if request is None or not may_start or getattr(request, "channel", "none needed") == "":
            return self._cut(protocol.BROKEN_RULE)
        effects = _STARTS[type(request)](self, number, request)
        for effect in effects:
            if isinstance(effect, Publish):
                self._publishing += 1
            elif isinstance(effect, Work):
                self._is_alone = True
        return effects

    def _connect(self, number: int, request: protocol.ConnectRequest) -> list[Effect]:
        if self.who is not None:
            return self._cut(protocol.BROKEN_RULE)
        return [SignIn(number, request.token)]

    def _refresh(self, number: int, request: protocol.RefreshRequest) -> list[Effect]:
        return [Refresh(number, request.token)] if request.token else self._cut(protocol.BROKEN_RULE)

    def _subscribe(self, number: int, request: protocol.SubscribeRequest) -> list[Effect]:
        if len(request.channel) > CHANNEL_LETTERS or not request.channel.isprintable():
            return _refuse(number, protocol.BAD_REQUEST)
        if request.channel in self.channels:
            return _refuse(number, protocol.ALREADY_SUBSCRIBED)
        if len(self.channels) >= CHANNELS:
            return _refuse(number, protocol.LIMIT_EXCEEDED)
        since = Position(request.epoch, request.offset) if request.recover else None
        must_recover = bool(request.flag & REJECT_UNRECOVERED)
        return [Join(number, request.channel, since, must_recover, request.token, request.join_leave)]

    def _unsubscribe(self, number: int, request: protocol.UnsubscribeRequest) -> list[Effect]:
        answer = Answer(Reply(number, unsubscribe=protocol.EMPTY))
        if request.channel not in self.channels:
            return [answer]  # the SDKs reconnect on an error here
        self._forget(request.channel)
        return [Leave(request.channel), answer]

    def _renew(self, number: int, request: protocol.SubRefreshRequest) -> list[Effect]:
        if request.channel not in self.channels:
            return _refuse(number, protocol.PERMISSION_DENIED)
        return [Renew(number, request.channel, request.token)] if request.token else self._cut(protocol.BROKEN_RULE)

    def _publish(self, number: int, request: protocol.PublishRequest) -> list[Effect]:
        return [Publish(number, request.channel, bytes(request.data) or b"null")]

    def _call(self, number: int, request: protocol.CallRequest) -> list[Effect]:
        return [Call(number, request.method, bytes(request.data) or b"null")]

    def _history(self, number: int, request: protocol.HistoryRequest) -> list[Effect]:
        since = None if request.since is None else Position(request.since.epoch, request.since.offset)
        if request.reverse and since is not None and since.offset == 0:
            return _refuse(number, protocol.BAD_REQUEST)
        limit = min(request.limit, HISTORY_LIMIT) if request.limit >= 0 else HISTORY_LIMIT
        return [Read(number, request.channel, limit, since, request.reverse)]

    def _presence(self, number: int, request: protocol.PresenceRequest) -> list[Effect]:
        return [Look(number, request.channel, wants_count=False)]

    def _presence_stats(self, number: int, request: protocol.PresenceStatsRequest) -> list[Effect]:
        return [Look(number, request.channel, wants_count=True)]

    def _ping(self, number: int, _request: protocol.PingRequest) -> list[Effect]:
        return [Answer(Reply(number, ping=protocol.EMPTY))]

    def _send(self, number: int, request: protocol.SendRequest) -> list[Effect]:
        return [Notice(number, bytes(request.data) or b"null")]

    def _conclude(self, work: Work, outcome: Outcome, now: float) -> list[Effect]:
        match work, outcome:
            case Publish(number), _:  # most of all come first: each look at another kind costs as much as a method
                return [Answer(Reply(number, publish=protocol.EMPTY))]
            case SignIn(number), SignedIn(who, ttl, own):
                self._admit(who, ttl, now)
                self._look_at = now + self._pace.ping_seconds * (1 + self._phase) / 2
                if own is not None:
                    self._remember(own[0], own[1], now, by_server=True)
                return [Answer(Reply(number, connect=self._welcome(ttl, own)))]
            case Refresh(number), SignedIn(who, ttl):
                if self.who is None or who.user != self.who.user:
                    return self._cut(protocol.INVALID_TOKEN)
                self._admit(who, ttl, now)
                result = protocol.RefreshResult(self.client, VERSION, ttl is not None, ttl)
                return [Answer(Reply(number, refresh=result))]
            case Join(), Joined():
                return self._settle(work, outcome, now)
            case Renew(number, channel), Renewed(ttl):
                self._limit(channel, ttl, now)
                return [Answer(Reply(number, sub_refresh=protocol.SubRefreshResult(ttl is not None, ttl)))]
            case _:
                answer = reply(work, outcome)
                return [] if answer is None else [Answer(answer)]

    def _admit(self, who: Identity, ttl_seconds: int | None, now: float) -> None:
        self.who = who
        self.expires_at = None if ttl_seconds is None else now + ttl_seconds

    def _welcome(self, ttl_seconds: int | None, own: tuple[str, Joined] | None) -> protocol.ConnectResult:
        ping = max(1, round(self._pace.ping_seconds))
        subs = {} if own is None else {own[0]: subscribed(own[1])}
        return protocol.ConnectResult(
            self.client, VERSION, ttl_seconds is not None, ttl_seconds, subs=subs, ping=ping, pong=True
        )

    def _settle(self, work: Join, joined: Joined, now: float) -> list[Effect]:
        if work.since is not None and joined.missed is None and work.must_recover:
            return [Leave(work.channel), *_refuse(work.id, protocol.UNRECOVERABLE)]
        self._remember(work.channel, joined, now, by_server=False)
        result = subscribed(joined, was_recovering=work.since is not None)
        return [Answer(Reply(work.id, subscribe=result))]

    def _remember(self, channel: str, joined: Joined, now: float, *, by_server: bool) -> None:
        entry = joined.entry
        self.channels[channel] = _subscription(by_server, entry.is_granted, entry.with_presence)
        self._limit(channel, joined.ttl_seconds, now)

    def _limit(self, channel: str, ttl_seconds: int | None, now: float) -> None:
        if ttl_seconds is not None and channel in self.channels:
            self._ends = {**(self._ends or {}), channel: now + ttl_seconds}
        elif self._ends is not None:
            self._ends.pop(channel, None)

    def _forget(self, channel: str) -> None:
        del self.channels[channel]
        if self._ends is not None:
            self._ends.pop(channel, None)


def _refused(work: Work, problem: Exception) -> Error | Close:
    if isinstance(work, Join) and not work.token:
        return refusal.of(problem)  # no token of the channel can be at fault: they themselves may not be here
    return _REFUSALS[type(work)](problem)


def _refuse(number: int, error: Error) -> list[Effect]:
    return [Answer(Reply(number, error=error))]


# Any: each method takes the request it stands beside, which no type for the table can say.
_STARTS: dict[type[object], Callable[[Session, int, Any], list[Effect]]] = {
    protocol.ConnectRequest: Session._connect,
    protocol.SubscribeRequest: Session._subscribe,
    protocol.UnsubscribeRequest: Session._unsubscribe,
    protocol.PublishRequest: Session._publish,
    protocol.PresenceRequest: Session._presence,
    protocol.PresenceStatsRequest: Session._presence_stats,
    protocol.HistoryRequest: Session._history,
    protocol.PingRequest: Session._ping,
    protocol.SendRequest: Session._send,
    protocol.CallRequest: Session._call,
    protocol.RefreshRequest: Session._refresh,
    protocol.SubRefreshRequest: Session._renew,
}
_REFUSALS: dict[type[object], Callable[[Exception], Error | Close]] = {
    SignIn: refusal.of_sign_in,
    Refresh: refusal.of_refresh,
    Call: refusal.of_call,
    Join: refusal.of_join,
    Renew: refusal.of_join,
    Publish: refusal.of,
    Notice: refusal.of,
    Look: refusal.of,
    Read: refusal.of,
}
