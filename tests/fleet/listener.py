"""People on the stock SDK, `centrifuge-python`: what they hear, in the order in which they heard it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from centrifuge import Client, PublicationContext, Subscription, SubscriptionEventHandler
from typing_extensions import override

from tests.eventually import eventually
from tests.fleet.server import Server


class Ear(SubscriptionEventHandler):
    """Keeps every publication of a channel."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    @override
    async def on_publication(self, ctx: PublicationContext) -> None:
        self.heard.append(ctx.pub.data)

    @property
    def texts(self) -> list[str]:
        """The words of what was heard."""
        return [message["text"] for message in self.heard]

    async def hears(self, *texts: str) -> None:
        """Return when exactly this was heard, in this order."""

        def all_of_it() -> bool:
            assert self.texts == list(texts)
            return True

        await eventually(all_of_it, within=15.0)


@asynccontextmanager
async def listening(server: Server, token: str, thread: str) -> AsyncIterator[tuple[Subscription, Ear]]:
    """A person connected to this server and subscribed to the thread."""
    ear = Ear()
    client = Client(server.socket_url, token=token)
    subscription = client.new_subscription(f"thread:{thread}", ear)
    await client.connect()
    await subscription.subscribe()
    await subscription.ready(timeout=15.0)
    try:
        yield subscription, ear
    finally:
        await client.disconnect()
