"""How soon an operator sees on the socket what somebody writes on Telegram: from the webhook's request to the frame."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from centrifuge import Client, PublicationContext, SubscriptionEventHandler
from typing_extensions import override

from server.auth.constants import Role
from server.embedded.people import Login, admit
from tests.bench.updates import Deliver, deliver
from tests.eventually import eventually
from tests.fleet.server import Server

CHAT = 900_001
SAYINGS = 100
PAUSE_SECONDS = 0.25  # the machine is idle between two
PATIENCE_SECONDS = 20.0
LOGIN = Login("op@example.com", "correct horse")
THREAD = "SELECT thread_id FROM contacts WHERE chat_id = $1"


class Ears(SubscriptionEventHandler):
    """When each message was heard, by its text."""

    def __init__(self) -> None:
        self.heard: dict[str, float] = {}

    @override
    async def on_publication(self, ctx: PublicationContext) -> None:
        self.heard[str(ctx.pub.data.get("text"))] = time.perf_counter()


async def waits(server: Server, rows: Any, database_url: str, secret: str) -> list[float]:
    """The seconds of each of some, in order of size; a worker is at work, and nobody else writes."""
    await admit(database_url, LOGIN, "Op", Role.OPERATOR)
    answer = await server.http.call("POST", "/auth/login", {"email": LOGIN.email, "password": LOGIN.password})
    await deliver(Deliver(server.port, secret, 1, 1, 1, CHAT, 0))
    thread = await eventually(lambda: rows.fetchval(THREAD, CHAT), within=PATIENCE_SECONDS)
    operator, ears = Client(server.socket_url, token=answer.body["access_token"]), Ears()
    await operator.connect()
    await operator.new_subscription(f"thread:{thread}", ears).subscribe()
    seen = []
    for number in range(1, SAYINGS + 1):
        await asyncio.sleep(PAUSE_SECONDS)
        began = time.perf_counter()
        await deliver(Deliver(server.port, secret, 1, 1, 1, CHAT, number))
        await eventually(lambda: str(number) in ears.heard, within=PATIENCE_SECONDS)  # noqa: B023
        seen.append(ears.heard[str(number)] - began)
    await operator.disconnect()
    return sorted(seen)
