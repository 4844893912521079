"""Who else listens, when servers die and Valkey forgets: who is gone is soon not shown, and who is there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import redis.asyncio
from centrifuge import SubscriptionEventHandler
from centrifuge.contexts import JoinContext, LeaveContext, SubscribedContext
from typing_extensions import override

from server.realtime.presence import BEAT_SECONDS, LEASE_SECONDS
from tests.eventually import eventually
from tests.fleet.server import Server, person, servers
from tests.sdk.driver import Pythonic, pythonic

CHANNEL = "room:lobby"
PATIENCE_SECONDS = 20.0
BUSY_SECONDS = 10.0  # what a machine adds on which much else runs


@dataclass(slots=True, eq=False)
class Neighbour(SubscriptionEventHandler):
    """Somebody in the channel who wants to know who comes and goes."""

    id: str
    sdk: Pythonic
    is_in: bool = False
    came: list[str] = field(default_factory=list)
    went: list[str] = field(default_factory=list)

    async def sees(self) -> set[str]:
        """The people who listen."""
        assert self.sdk.client is not None
        return {info.user for info in (await self.sdk.client.presence(CHANNEL)).clients.values()}

    @override
    async def on_subscribed(self, ctx: SubscribedContext) -> None:
        self.is_in = True

    @override
    async def on_join(self, ctx: JoinContext) -> None:
        self.came.append(ctx.info.user)

    @override
    async def on_leave(self, ctx: LeaveContext) -> None:
        self.went.append(ctx.info.user)


@asynccontextmanager
async def neighbour(server: Server) -> AsyncIterator[Neighbour]:
    """Somebody new, at this server."""
    token, user = await person(server)
    async with pythonic() as sdk:
        found = Neighbour(user, sdk)
        await sdk.connect(server.socket_url, token)
        assert sdk.client is not None
        await sdk.client.new_subscription(CHANNEL, events=found, join_leave=True).subscribe()
        await eventually(lambda: found.is_in, within=PATIENCE_SECONDS)
        yield found


async def _see(who: Neighbour, *people: Neighbour, within: float = PATIENCE_SECONDS) -> None:
    async def sees() -> bool:
        assert await who.sees() == {each.id for each in people}
        return True

    assert await eventually(sees, within=within)


async def test_the_clients_of_a_killed_server_leave_within_its_lease(fresh_database: str, redis_url: str) -> None:
    async with (
        servers(fresh_database, redis_url, 2) as (here, there),
        neighbour(here) as ada,
        neighbour(there) as bob,
    ):
        await eventually(lambda: bob.id in ada.came, within=PATIENCE_SECONDS)
        await _see(ada, ada, bob)
        there.kill()
        await eventually(lambda: bob.id in ada.went, within=LEASE_SECONDS + BEAT_SECONDS + BUSY_SECONDS)
        await _see(ada, ada)
        assert ada.went == [bob.id]


async def test_what_valkey_forgets_is_put_back(fresh_database: str, redis_url: str) -> None:
    async with (
        servers(fresh_database, redis_url, 2) as (here, there),
        neighbour(here) as ada,
        neighbour(there) as bob,
        redis.asyncio.Redis.from_url(redis_url) as valkey,
    ):
        for who in (ada, bob):
            await _see(who, ada, bob)
        await valkey.flushdb()
        for who in (ada, bob):
            await _see(who, ada, bob, within=5 * BEAT_SECONDS)
        assert ada.went == bob.went == []
