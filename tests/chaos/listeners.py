"""People with the stock SDK who write down whatever it brings them, and notice at once what should not have come."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from centrifuge import Client, ClientEventHandler, SubscriptionEventHandler
from centrifuge.contexts import (
    DisconnectedContext,
    PublicationContext,
    SubscribedContext,
    SubscribingContext,
    UnsubscribedContext,
)
from typing_extensions import override

LONGEST_WAIT_SECONDS = 2.0  # between two tries; a test has less patience than the SDK's twenty seconds


@dataclass(slots=True, eq=False)
class Hearing(SubscriptionEventHandler):
    """What one client heard of one thread: the messages' ids, the first at offset 1."""

    who: str
    thread: str
    wrong: list[str]
    ids: list[str] = field(default_factory=list)
    is_on: bool = False
    recoveries: int = 0
    _may_end: bool = False

    def let_end(self) -> None:
        """An end of the subscription is no surprise any more."""
        self._may_end = True

    @override
    async def on_subscribing(self, ctx: SubscribingContext) -> None:
        self.is_on = False

    @override
    async def on_subscribed(self, ctx: SubscribedContext) -> None:
        self.is_on = True
        self.recoveries += ctx.was_recovering
        if ctx.was_recovering and not ctx.recovered:
            self._complain(f"could not recover, and the stream stands at {ctx.stream_position}")

    @override
    async def on_unsubscribed(self, ctx: UnsubscribedContext) -> None:
        self.is_on = False
        if not self._may_end:
            self._complain(f"was unsubscribed with {ctx.code} {ctx.reason}")

    @override
    async def on_publication(self, ctx: PublicationContext) -> None:
        if ctx.pub.offset != len(self.ids) + 1 or ctx.pub.data["offset"] != ctx.pub.offset:
            self._complain(f"heard {ctx.pub.offset} with {ctx.pub.data['offset']} in it")
        self.ids.append(sys.intern(ctx.pub.data["id"]))  # hundreds keep the same ones

    def _complain(self, what: str) -> None:
        self.wrong.append(f"{self.who} in {self.thread}, after {len(self.ids)}: {what}")


@dataclass(slots=True, eq=False)
class Listener(ClientEventHandler):
    """One client: it connects to wherever `url` leads, and again, for ever."""

    who: str
    wrong: list[str]
    hearings: list[Hearing] = field(default_factory=list)
    client: Client = field(init=False)
    _may_end: bool = False

    async def enter(self, url: str, token: str, threads: Sequence[str]) -> None:
        """Connect and listen; returns before that is done."""
        self.client = Client(url, events=self, token=token, max_reconnect_delay=LONGEST_WAIT_SECONDS)
        await self.client.connect()
        for thread in threads:
            hearing = Hearing(self.who, thread, self.wrong)
            self.hearings.append(hearing)
            subscription = self.client.new_subscription(
                f"thread:{thread}", events=hearing, max_resubscribe_delay=LONGEST_WAIT_SECONDS
            )
            await subscription.subscribe()

    async def leave(self) -> None:
        """Disconnect."""
        self._may_end = True
        for hearing in self.hearings:
            hearing.let_end()
        await self.client.disconnect()

    @override
    async def on_disconnected(self, ctx: DisconnectedContext) -> None:
        if not self._may_end:
            self.wrong.append(f"{self.who} was sent away with {ctx.code} {ctx.reason}")


async def leave_all(listeners: Sequence[Listener]) -> None:
    """Everybody disconnects."""
    await asyncio.gather(*(listener.leave() for listener in listeners))
