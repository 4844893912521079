"""What is taken from somebody at one server is taken at the other, and nobody takes more than their share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from server import ids
from server.auth.constants import Role
from server.embedded import people
from server.embedded.people import Login
from tests.eventually import eventually
from tests.fleet.server import Server, servers
from tests.sdk.driver import Person, Pythonic, Refused, pythonic

PATIENCE_SECONDS = 20.0
PROMISED_SECONDS = 5.0  # by the bus it takes milliseconds, and we promise one second; without it, a minute
SOCKETS_EACH = 2
COMMANDS_SAVED_UP = 5  # of one command a second


@pytest.fixture(scope="module")
async def pair(database_url: str, redis_url: str) -> AsyncIterator[list[Server]]:
    """Two servers of one installation that bear little from one person."""
    bounds = {"SOCKETS_PER_USER": str(SOCKETS_EACH), "COMMANDS_PER_SECOND": "1"}
    async with servers(database_url, redis_url, 2, **bounds) as both:
        yield both


@pytest.fixture(scope="module")
async def admin(database_url: str, pair: list[Server]) -> str:
    """The token of somebody who may ban people."""
    login = Login(f"{ids.new().hex}@example.com", "correct horse")
    await people.admit(database_url, login, "Root", Role.ADMIN)
    body = {"email": login.email, "password": login.password}
    signed_in = await told(pair[0], None, "POST", "/auth/login", body)
    return str(signed_in["access_token"])


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who came in without an account."""

    id: str
    token: str
    refresh_token: str


async def told(server: Server, token: str | None, method: str, path: str, body: Any = None) -> Any:
    """What a door answers to somebody who may."""
    server.http.token = token
    answer = await server.http.call(method, path, body)
    assert answer.status < 400, answer
    return answer.body


async def guest(server: Server) -> Guest:
    keys = await told(server, None, "POST", "/auth/guest", {})
    return Guest(keys["user"]["id"], keys["access_token"], keys["refresh_token"])


@asynccontextmanager
async def connected(fleet: Sequence[Server], token: str) -> AsyncIterator[list[Pythonic]]:
    """One socket at each of these servers."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(pythonic()) for _ in fleet]
        for client, server in zip(clients, fleet, strict=True):
            await client.connect(server.socket_url, token)
            await see(client, "connected")
        yield clients


async def see(client: Person, event: str, *, within: float = PATIENCE_SECONDS, **wanted: Any) -> None:
    await eventually(lambda: client.seen(event, **wanted), within=within)


async def test_who_is_removed_loses_the_channel_at_both_servers(pair: list[Server]) -> None:
    ada, bob = await guest(pair[0]), await guest(pair[0])
    thread = (await told(pair[0], ada.token, "POST", "/chat/threads", {"kind": "group", "members": [bob.id]}))["id"]
    channel = f"thread:{thread}"
    async with connected(pair, bob.token) as clients:
        for client in clients:
            await client.subscribe(channel)
            await see(client, "subscribed", channel=channel)
        await told(pair[0], ada.token, "DELETE", f"/chat/threads/{thread}/members/{bob.id}")
        for client in clients:
            await see(client, "unsubscribed", channel=channel, code=2000, within=PROMISED_SECONDS)
        await told(pair[0], ada.token, "POST", "/chat/send", {"thread_id": thread, "text": "between us"})
        for client in clients:
            with pytest.raises(Refused) as refused:
                await client.rpc("chat.history", {"thread_id": thread})
            assert refused.value.code == 404
            assert client.heard(channel) == []
            assert not client.seen("disconnected")


async def test_who_is_banned_is_sent_away_by_both_servers(pair: list[Server], admin: str) -> None:
    bob = await guest(pair[0])
    async with connected(pair, bob.token) as clients:
        await told(pair[0], admin, "PATCH", f"/auth/users/{bob.id}", {"is_banned": True})
        for client in clients:
            await see(client, "disconnected", code=3503)


async def test_who_is_no_operator_any_more_loses_the_inbox_at_both_servers(pair: list[Server], admin: str) -> None:
    bob = await guest(pair[0])
    await told(pair[0], admin, "PATCH", f"/auth/users/{bob.id}", {"role": "operator"})
    keys = await told(pair[0], None, "POST", "/auth/refresh", {"refresh_token": bob.refresh_token})
    async with connected(pair, keys["access_token"]) as clients:
        for client in clients:
            await client.subscribe("inbox")
            await see(client, "subscribed", channel="inbox")
        await told(pair[0], admin, "PATCH", f"/auth/users/{bob.id}", {"role": "user"})
        for client in clients:
            await see(client, "unsubscribed", channel="inbox", code=2000, within=PROMISED_SECONDS)
            assert not client.seen("disconnected")


async def test_who_signs_out_is_sent_away_by_both_servers(pair: list[Server]) -> None:
    bob = await guest(pair[0])
    async with connected(pair, bob.token) as clients:
        await told(pair[0], None, "POST", "/auth/logout", {"refresh_token": bob.refresh_token})
        for client in clients:
            await see(client, "disconnected", code=3503)


async def test_a_machine_whose_token_is_revoked_is_sent_away_by_both_servers(pair: list[Server]) -> None:
    bob = await guest(pair[0])
    made = await told(pair[0], bob.token, "POST", "/auth/tokens", {"name": "a machine"})
    async with connected(pair, made["token"]) as machines, connected(pair, bob.token) as sessions:
        await told(pair[0], bob.token, "DELETE", f"/auth/tokens/{made['id']}")
        for machine in machines:
            await see(machine, "disconnected", code=3503)
        for session in sessions:
            assert not session.seen("disconnected")  # who revoked it goes on


async def test_one_socket_too_many_is_closed_alone(pair: list[Server]) -> None:
    bob = await guest(pair[0])
    here = pair[:1]
    async with connected(here * SOCKETS_EACH, bob.token) as clients, pythonic() as another:
        await another.connect(here[0].socket_url, bob.token)
        await see(another, "disconnected", code=3504)
        for client in clients:
            assert not client.seen("disconnected")


async def test_too_many_commands_are_refused_until_later(pair: list[Server]) -> None:
    bob, eve = await guest(pair[0]), await guest(pair[0])
    async with connected(pair[:1], bob.token) as (flood,), connected(pair[:1], eve.token) as (other,):
        calls = [flood.rpc("chat.threads", {}) for _ in range(10 * COMMANDS_SAVED_UP)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        refused = [each for each in answers if isinstance(each, Refused)]
        assert {each.code for each in refused} == {111}
        assert len(answers) - len(refused) >= COMMANDS_SAVED_UP
        assert (await other.rpc("chat.threads", {}))["threads"] == []

        async def served_again() -> bool:
            try:
                await flood.rpc("chat.threads", {})
            except Refused:
                return False
            return True

        assert await eventually(served_again, within=PATIENCE_SECONDS)
        assert not flood.seen("disconnected")
