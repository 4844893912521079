"""Telegram, both ways, through real processes: in by webhook or by polling, live to an operator, and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from bots.fake.world import World
from server.auth.constants import Role
from server.embedded.people import Login, admit
from tests.bot.town import TOKEN, telegram
from tests.eventually import eventually
from tests.fleet.server import Server, helper, servers
from tests.sdk.driver import Pythonic, pythonic

ADA = {"id": 77, "type": "private", "first_name": "Ada"}
PATIENCE_SECONDS = 40.0
LOGIN = Login("op@example.com", "correct horse")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def api(world: World) -> AsyncIterator[str]:
    async with telegram(world) as address:
        yield address


async def signed_in(server: Server, database_url: str) -> str:
    """The access token of somebody who works here."""
    await admit(database_url, LOGIN, "Op", Role.OPERATOR)
    answer = await server.http.call("POST", "/auth/login", {"email": LOGIN.email, "password": LOGIN.password})
    server.http.token = answer.body["access_token"]
    return str(server.http.token)


def opened(server: Server) -> Callable[[], Awaitable[Any]]:
    """Asks for the one thread of somebody outside."""

    async def ask() -> Any:
        threads = (await server.http.call("GET", "/chat/threads?kind=telegram")).body["threads"]
        return threads[0]["id"] if threads else None

    return ask


def messages_in(socket: Pythonic, channel: str) -> list[Any]:
    """What was heard there, without what is told beside messages."""
    return [data for _, data in socket.heard(channel) if "text" in data]


@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_a_person_writes_an_operator_answers(
    mode: str, world: World, api: str, fresh_database: str, redis_url: str
) -> None:
    settings = {"TELEGRAM_TOKEN": TOKEN, "TELEGRAM": mode, "TELEGRAM_API": api, "ASSISTANT": "none"}
    async with servers(fresh_database, redis_url, 1, **settings) as (server,), pythonic() as socket:
        server.environment["PUBLIC_URL"] = f"http://127.0.0.1:{server.port}"
        token = await signed_in(server, fresh_database)
        with ExitStack() as stack:
            programs = [stack.enter_context(helper(server, command)) for command in ("work", "bot")]
            world.write(ADA, text="is anybody there?")
            thread = await eventually(opened(server), within=PATIENCE_SECONDS)
            assert bool(world.webhook) is (mode == "webhook")
            assert world.commands
            channel = f"thread:{thread}"
            await socket.enters(server.socket_url, token, channel)
            world.write(ADA, text="hello?")
            said = partial(messages_in, socket, channel)
            await eventually(said)
            assert [data["text"] for data in said()] == ["hello?"]
            answer = {"thread_id": thread, "text": "yes, I am"}
            assert (await server.http.call("POST", "/chat/send", answer)).body["status"] == "queued"
            await eventually(lambda: [one.text for one in world.sent[77]] == ["yes, I am"], within=PATIENCE_SECONDS)
            await eventually(lambda: said()[-1]["status"] == "sent", within=PATIENCE_SECONDS)
            assert [await program.stop() for program in programs] == [0, 0]
            assert [program.errors() for program in programs] == [[], []]


async def test_nothing_is_lost_while_the_processes_are_away(
    world: World, api: str, fresh_database: str, redis_url: str
) -> None:
    settings = {"TELEGRAM_TOKEN": TOKEN, "TELEGRAM_API": api, "ASSISTANT": "none"}
    async with servers(fresh_database, redis_url, 1, **settings) as (server,):
        await signed_in(server, fresh_database)
        for number in range(3):
            world.write(ADA, text=f"before {number}")
        with helper(server, "bot") as bot, helper(server, "schedule"):
            thread = await eventually(opened(server), within=PATIENCE_SECONDS)
            bot.kill()
            for number in range(3):
                world.write(ADA, text=f"after {number}")
            bot.launch()

            async def words() -> bool:
                page = await server.http.call("GET", f"/chat/history?thread_id={thread}")
                told = [message["text"] for message in page.body["messages"]]
                return told == [f"{when} {number}" for when in ("before", "after") for number in range(3)]

            await eventually(words, within=PATIENCE_SECONDS)
