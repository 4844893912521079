"""One client of this node: carries out what its session wants, through the node and its connection. Knows no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from msgspec.structs import replace

from server import clock
from server.errors import Problem, Unavailable
from server.logging import named
from server.realtime import protocol
from server.realtime.codec import Codec
from server.realtime.connection import Connection
from server.realtime.effects import (
    Answer,
    Call,
    Committed,
    Cut,
    Effect,
    Found,
    Join,
    Joined,
    Leave,
    Look,
    Notice,
    Outcome,
    Present,
    Publish,
    Read,
    Refresh,
    Renew,
    Renewed,
    Returned,
    SignedIn,
    SignIn,
    Work,
)
from server.realtime.node import Node
from server.realtime.protocol import Close, Command, Malformed, Reply, Unsubscribe
from server.realtime.seam import Identity

READY_SECONDS = 30.0  # a socket that takes nothing for so long does not get the rest of what it missed
_COMMITTED = Committed()
log = named(__name__)


class Client:
    """What the hub calls a listener. It is over when its socket is gone or was cut; then nothing is written."""

    __slots__ = ("_caught_up", "_connection", "_hang_up", "_listen", "_node", "_slow_posts", "codec", "session", "turn")

    def __init__(
        self,
        node: Node,
        connection: Connection,
        codec: Codec,
        *,
        hang_up: Callable[[Close], None],
        listen: Callable[[bool], None],
    ) -> None:
        """`hang_up` ends the socket with a close frame; `listen` says whether more is to be read from it."""
        self._node = node
        self._connection = connection
        self._hang_up = hang_up
        self._listen = listen
        self.codec = codec
        self.session = node.session()
        self.turn = 0
        self._slow_posts = 0
        self._caught_up: asyncio.Event | None = None  # the few that are fed what they missed wait for it
        node.guests.admit(self)

    @property
    def send(self) -> Callable[[bytes], int]:
        return self._connection.send

    @property
    def is_slow(self) -> bool:
        return self._connection.is_slow

    @property
    def is_over(self) -> bool:
        return self.session.is_over

    @property
    def due(self) -> float:
        """When `tick` wants to be called next."""
        return self.session.due

    @property
    def channels(self) -> Collection[str]:
        return self.session.channels

    @property
    def who(self) -> Identity | None:
        return self.session.who

    @property
    def id(self) -> str:
        return self.session.client

    def is_granted(self, channel: str) -> bool:
        """Whether a token, and not their standing, lets them listen."""
        subscription = self.session.channels.get(channel)
        return subscription is not None and subscription.is_granted

    def hear(self, payload: bytes) -> None:
        """Take one frame from the client."""
        if self.session.is_over:
            return
        try:
            commands = self.codec.read(payload)
        except Malformed:
            self.cut(protocol.BROKEN_RULE)
            return
        if self.session.who is not None and not self._node.guests.may_command(self.session.who, len(commands)):
            commands = self._refused(commands)
        self._perform(self.session.receive(commands))
        if self.session.is_congested:
            self._listen(False)

    def _refused(self, commands: list[Command]) -> list[Command]:
        """Answer what wants an answer with `too many requests`; pongs are taken all the same."""
        for command in commands:
            if command.id:
                self.write(self.codec.write(Reply(command.id, error=protocol.TOO_MANY_REQUESTS)))
        return [command for command in commands if not command.id and command.send is None]

    def tick(self, now: float) -> None:
        """Do what the time asks for."""
        self._perform(self.session.tick(now))

    def write(self, frame: bytes) -> None:
        if not self.session.is_over and not self._connection.write(frame):
            self.cut(protocol.SLOW)

    def carry_on(self, rest: bytes) -> None:
        self._connection.carry_on(rest)

    def expel(self, channel: str, why: Unsubscribe) -> None:
        self._perform(self.session.expel(channel, why))

    def lag(self) -> None:
        """The socket does not take what it is given."""
        self._connection.is_slow = True
        self._node.hub.settle(self)

    def catch_up(self) -> None:
        """The socket has taken everything it was given."""
        self._connection.resume()
        if not self._connection.is_slow:
            self._node.hub.settle(self)
            if self._caught_up is not None:
                self._caught_up.set()

    async def ready(self) -> None:
        """Return when the socket takes more, or is over; raises TimeoutError when that takes too long."""
        if self._connection.is_slow and not self.is_over:
            self._caught_up = asyncio.Event()
            async with asyncio.timeout(READY_SECONDS):
                await self._caught_up.wait()

    def cut(self, close: Close) -> None:
        """End the connection."""
        if not self.session.is_over:
            self.gone()
            self._hang_up(close)

    def gone(self) -> None:
        """The socket is lost, or about to be."""
        self.session.end()
        for name in self.session.channels:
            self._node.leave(self, name)
        self.session.channels.clear()
        self._node.guests.dismiss(self)
        if self._caught_up is not None:
            self._caught_up.set()

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Answer(reply):
                    self.write(self.codec.write(reply))
                case Publish():
                    self._publish(effect)
                case Leave(channel):
                    self._node.leave(self, channel)
                case Cut(close):
                    self.gone()
                    self._hang_up(close)
                case work:
                    self._node.commands.run(self._carry_out(work))

    def _publish(self, work: Publish) -> None:
        """Most posts need nothing but the journal: no task is made for them. None overtakes one that has to wait."""
        who = self.session.who
        assert who is not None

        def told(outcome: object) -> None:
            self._conclude(work, outcome if isinstance(outcome, Exception) else _COMMITTED)

        if self._slow_posts or not self._node.rooms.publish_at_once(who, work.channel, work.data, told):
            self._slow_posts += 1
            self._node.commands.run(self._publish_slowly(work))

    async def _publish_slowly(self, work: Publish) -> None:
        try:
            await self._carry_out(work)
        finally:
            self._slow_posts -= 1

    async def _carry_out(self, work: Work) -> None:
        outcome: Outcome | None
        try:
            outcome = await self._outcome(work)
        except asyncio.CancelledError:
            if not self._node.commands.came_too_late():
                raise
            outcome = Unavailable("timeout")
        except Problem as problem:
            outcome = problem
        except Exception as bug:
            log.exception("command_failed", command=type(work).__name__)
            outcome = bug
        if outcome is not None:
            self._conclude(work, outcome)

    def _conclude(self, work: Work, outcome: Outcome) -> None:
        was_congested = self.session.is_congested
        self._perform(self.session.finish(work, outcome, clock.monotonic()))
        if outcome is not _COMMITTED and self.session.due < self.turn:  # it may have brought another end
            self._node.guests.look_again(self)
        if was_congested and not self.session.is_congested:
            self._listen(True)

    async def _outcome(self, work: Work) -> Outcome | None:
        """What came of it; None if it is concluded already."""
        rooms, who = self._node.rooms, self.session.who
        if isinstance(work, SignIn):
            return await self._sign_in(work)
        if isinstance(work, Refresh):
            newer = await rooms.sign_in(work.token)
            return SignedIn(newer, _ttl(newer.expires_at))
        assert who is not None
        match work:
            case Publish(_, channel, data):
                await rooms.publish(who, channel, data)
                return Committed()
            case Call(_, method, data):
                return Returned(await rooms.call(who, method, data))
            case Notice(_, data):
                await rooms.notice(who, data)
                return Committed()
            case Look(_, channel):
                return Present(await self._node.present(who, channel))
            case Read():
                return await self._read(who, work)
            case Renew(_, channel, token):
                return Renewed(_ttl((await rooms.join(who, channel, token)).expires_at))
            case Join():
                await self._node.join(self, who, work, welcome=lambda joined: self._conclude(work, _timed(joined)))
                return None
            case _:
                raise TypeError(f"nobody carries out {work}")

    async def _sign_in(self, work: SignIn) -> Outcome | None:
        """Find out who it is; the answer comes in the moment in which they begin to listen to their own channel."""
        who = await self._node.rooms.sign_in(work.token)
        if self.is_over:
            return None
        self._node.guests.greet(who)  # before anything is waited for: of many at once, no more than may are let in
        ttl = _ttl(who.expires_at)
        own = self._node.rooms.own_channel(who)
        if own is None:
            return SignedIn(who, ttl)

        def welcome(joined: Joined) -> None:
            self._conclude(work, SignedIn(who, ttl, (own, joined)))

        try:
            await self._node.join(self, who, Join(0, own), welcome=welcome)
        finally:
            if self.session.who is None:  # they never came in
                self._node.guests.part(who)
        return None

    async def _read(self, who: Identity, work: Read) -> Found:
        rooms = self._node.rooms
        entry = await rooms.look(who, work.channel)
        position = entry.position
        if not work.limit or not position.epoch:
            return Found(position)
        if work.backwards:
            offset = None if work.since is None else work.since.offset
            return Found(position, await rooms.before(work.channel, offset, work.limit))
        offset = entry.forgotten if work.since is None else work.since.offset
        return Found(position, await rooms.since(work.channel, offset, work.limit))


def _ttl(expires_at: float | None) -> int | None:
    """Seconds from now; at least one, so that the client has a moment to ask for more."""
    return None if expires_at is None else max(1, int(expires_at - clock.now().timestamp()))


def _timed(joined: Joined) -> Joined:
    return joined if joined.entry.expires_at is None else replace(joined, ttl_seconds=_ttl(joined.entry.expires_at))
