"""The vocabulary of the tests about campaigns: people to tell, and a crew that tells them."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from bots.fake.world import World
from server import ids
from server.bot.policy import bot_id
from tests.bot.town import TOKEN
from tests.eventually import eventually
from tests.rest.house import House, Person, settings_of
from workers.broadcast import duties
from workers.office import Office
from workers.schedule import sweep_until

chats = itertools.count(5_000_000)
PEOPLE = """
WITH new AS (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS n(id, thread_id, chat_id)), t AS (
  INSERT INTO threads (id, kind, epoch, slug) SELECT thread_id, 'telegram', 'e', 'telegram:' || chat_id FROM new
)
INSERT INTO contacts (id, bot_id, chat_id, thread_id, kind, name, language, tags, attributes)
SELECT id, $4::bigint, chat_id, thread_id, 'private', 'n' || chat_id, $6::text, ARRAY[$5::text], $7::jsonb FROM new
"""


async def people(
    house: House, tag: str, count: int, *, language: str | None = None, attributes: str = "{}"
) -> dict[int, UUID]:
    """So many contacts with this tag: their ids by their chats."""
    made = {next(chats): ids.new() for _ in range(count)}
    values = (list(made.values()), [ids.new() for _ in made], list(made), bot_id(TOKEN), tag, language, attributes)
    await house.rows(PEOPLE, *values)
    return made


def words(text: str = "hello {{ name }}") -> dict[str, Any]:
    """A content in one language."""
    return {"variants": {"en": {"text": text}}, "fallback_language": "en"}


async def campaign(operator: Person, tag: str, **more: Any) -> Any:
    """A draft to everybody with this tag."""
    fields = {"name": f"to {tag}", "content": words(), "audience": {"tag": tag}, **more}
    return await operator.post("/broadcast/campaign", **fields)


async def started(operator: Person, tag: str, **more: Any) -> Any:
    """The same, started."""
    return await does(operator, await campaign(operator, tag, **more), "start")


async def does(operator: Person, one: Any, act: str, **body: Any) -> Any:
    """An act, as its door answers it."""
    return await operator.post(f"/broadcast/campaign/{one['id']}/{act}", **body)


async def now(operator: Person, one: Any) -> Any:
    """The campaign as it is."""
    return await operator.get(f"/broadcast/campaign/{one['id']}")


async def through(operator: Person, one: Any, state: str = "completed", within: float = 20.0) -> Any:
    """The campaign, when it has come to this state."""

    async def came() -> Any:
        found = await now(operator, one)
        assert found["state"] == state, found
        return found

    return await eventually(came, within=within)


async def counted(house: House, one: Any) -> Counter[str]:
    """The rows of a campaign by their state."""
    query = "SELECT d.state FROM deliveries d JOIN runs r ON r.id = d.run_id WHERE r.campaign_id = $1"
    return Counter(row[0] for row in await house.rows(query, UUID(one["id"])))


def counts(found: Any) -> Counter[str]:
    """The counts that its door tells, without the zeros."""
    return Counter({state: count for state, count in found["run"]["counts"].items() if count})


def heard(world: World, made: dict[int, UUID]) -> list[str]:
    """What arrived at these people."""
    return [one.text for chat in made for one in world.sent[chat]]


async def on_the_web(operator: Person, ada: Person, tag: str) -> dict[str, str]:
    """Somebody opens a conversation, and is given this tag; returns the thread."""
    thread = {"id": (await ada.says("hello"))["thread_id"]}
    (contact,) = (await operator.get("/bot/contacts", thread_id=thread["id"]))["contacts"]
    await operator.patch(f"/bot/contacts/{contact['id']}", tags=[tag])
    return thread


@asynccontextmanager
async def crew(database_url: str, redis_url: str, api: str, count: int = 1, **more: Any) -> AsyncIterator[None]:
    """So many workers at work, each with all the duties of the room."""
    stopped = asyncio.Event()

    async def work() -> None:
        settings = settings_of(database_url, redis_url, telegram_token=TOKEN, telegram_api=api, **more)
        async with Office(settings, connections=6) as office:
            begin, deliver, keep = duties(office)
            sweeps = [begin.carry, deliver.carry, keep.carry]
            await asyncio.gather(*(sweep_until(stopped, sweep) for sweep in sweeps))  # type: ignore[arg-type]

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(work())
        yield
        stopped.set()
