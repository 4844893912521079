"""The vocabulary of the tests about the bot: people outside who write, and a worker who takes it in."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from bots.fake.door import Door
from bots.fake.sender import Sender
from bots.fake.world import World
from server.bot.client import Telegram
from server.bot.drain import Drain
from server.bot.outbox import Outbox
from server.bot.pace import Pace
from server.bot.policy import bot_id, webhook_secrets
from server.bot.router import PROOF_HEADER
from server.bot.service import Bot, name
from tests.eventually import eventually
from tests.rest.house import SECRET, Answer, House, Person, settings_of
from workers.office import Office

TOKEN = "4711:the-token-of-the-tests"
USERNAME = "parley_bot"
PROOF = {PROOF_HEADER: webhook_secrets([SECRET], TOKEN)[0]}
numbers = itertools.count(1)
chats = itertools.count(1000)


async def send(house: House, body: Any, **headers: Any) -> Answer:
    """To the webhook's door, as Telegram does it unless other headers are given."""
    return await house.ask("POST", "/bot/webhook", body, headers=headers or PROOF)


@dataclass
class Outsider:
    """Somebody on Telegram, in a chat with the bot; everything they do is one update."""

    house: House
    chat: dict[str, Any]

    @property
    def person(self) -> dict[str, Any]:
        return {"id": 9, "is_bot": False, "first_name": "Ada", "language_code": "de-AT"}

    def message(self, key: int = 0, **content: Any) -> dict[str, Any]:
        return {"message_id": key or next(numbers), "date": 1, "chat": self.chat, "from": self.person, **content}

    async def does(self, **what: Any) -> dict[str, Any]:
        """One update; returns it."""
        update = {"update_id": next(numbers), **what}
        assert str(await send(self.house, update)) == "200"
        return update

    async def says(self, text: str, **more: Any) -> dict[str, Any]:
        if text.startswith("/"):
            more["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]
        return (await self.does(message=self.message(text=text, **more)))["message"]  # type: ignore[no-any-return]

    async def thread(self, operator: Person) -> Any:
        """The thread in which they are talked with."""
        query = "SELECT thread_id FROM contacts WHERE chat_id = $1"
        (row,) = await self.house.rows(query, self.chat["id"])
        return await operator.get(f"/chat/threads/{row[0]}")


def outsider(house: House, **chat: Any) -> Outsider:
    return Outsider(house, {"id": next(chats), "type": "private", "first_name": "Ada", **chat})


@asynccontextmanager
async def worker(database_url: str, redis_url: str, api: str = "http://127.0.0.1:1") -> AsyncIterator[Drain]:
    """What a worker process takes in with; where Telegram is away nobody's press is answered."""
    async with Office(settings_of(database_url, redis_url), connections=2) as office:
        telegram = Telegram(TOKEN, api)
        own = Bot(office.database, office.queue.say, TOKEN, ())
        await name(own, USERNAME)
        drain = Drain(office.database, office.announcer, TOKEN, own.id, telegram.answer, keys=[SECRET])
        yield drain
        await drain.close()
        await telegram.close()


@asynccontextmanager
async def telegram(world: World) -> AsyncIterator[str]:
    """The fake Telegram, at this address."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as uvloop has it; else every answer waits 40 ms
    config = uvicorn.Config(Door(world), lifespan="off", log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve([listening]))  # `serve` would take the signals, which are pytest's
    sending = asyncio.create_task(Sender(world).run())
    await eventually(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        sending.cancel()
        await asyncio.wait([sending])
        server.should_exit = True
        await running


@asynccontextmanager
async def sender(database_url: str, redis_url: str, api: str) -> AsyncIterator[Outbox]:
    """What a worker process sends with."""
    async with Office(settings_of(database_url, redis_url), connections=3) as office:
        way_out = Telegram(TOKEN, api)
        yield Outbox(office.database, office.announcer, way_out, Pace(office.limiter, bot_id(TOKEN)), bot_id(TOKEN))
        await way_out.close()
