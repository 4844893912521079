"""One client of this node: carries out what its session wants, through the node and its connection. Knows no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

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
    Outcome,
    Publish,
    Read,
    Refresh,
    Returned,
    SignedIn,
    SignIn,
    Work,
)
from server.realtime.node import Node
from server.realtime.protocol import Close, Malformed, Unsubscribe
from server.realtime.seam import Identity

COMMAND_SECONDS = 10.0  # the SDKs give up after five; whatever hangs longer is answered with an error
log = named(__name__)


class Client:
    """What the hub calls a listener. It is over when its socket is gone or was cut; then nothing is written."""

    __slots__ = ("_connection", "_hang_up", "_listen", "_node", "codec", "session", "turn")

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
        node.admit(self)

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

    def hear(self, payload: bytes) -> None:
        """Take one frame from the client."""
        if self.session.is_over:
            return
        try:
            commands = self.codec.read(payload)
        except Malformed:
            self.cut(protocol.BROKEN_RULE)
            return
        self._perform(self.session.receive(commands))
        if self.session.is_congested:
            self._listen(False)

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
        self._node.dismiss(self)

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Answer(reply):
                    self.write(self.codec.write(reply))
                case Leave(channel):
                    self._node.leave(self, channel)
                case Cut(close):
                    self.gone()
                    self._hang_up(close)
                case work:
                    self._node.spawn(self._carry_out(work))

    async def _carry_out(self, work: Work) -> None:
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                outcome = await self._outcome(work)
        except TimeoutError:
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
        if was_congested and not self.session.is_congested:
            self._listen(True)

    async def _outcome(self, work: Work) -> Outcome | None:
        """What came of it; None if it is concluded already."""
        rooms, who = self._node.rooms, self.session.who
        if isinstance(work, SignIn | Refresh):
            return _signed_in(await rooms.sign_in(work.token))
        assert who is not None
        match work:
            case Publish(_, channel, data):
                await rooms.publish(who, channel, data)
                return Committed()
            case Call(_, method, data):
                return Returned(await rooms.call(who, method, data))
            case Read(_, channel, limit, since):
                position = await rooms.join(who, channel)
                return Found(position, await rooms.since(channel, since.offset, limit) if limit else ())
            case Join(_, channel, since):

                def welcome(joined: Joined) -> None:
                    self._conclude(work, joined)

                await self._node.join(self, who, channel, since, welcome=welcome)
                return None


def _signed_in(who: Identity) -> SignedIn:
    if who.expires_at is None:
        return SignedIn(who, None)
    return SignedIn(who, max(1, int(who.expires_at - clock.now().timestamp())))
