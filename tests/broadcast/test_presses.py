"""What people press below a campaign's messages is counted: each press, each person, each button."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bots.fake.world import World
from server import ids
from server.bot.drain import Drain
from tests.bot.town import PROOF, numbers, outsider, worker
from tests.broadcast.square import people, started, through
from tests.rest.house import House, Person

CONTENT = {
    "variants": {
        "en": {"text": "Coming?", "buttons": [[{"text": "Yes", "data": "y"}, {"text": "No", "data": "n"}]]},
        "de": {"text": "Kommst du?", "buttons": [[{"text": "Ja", "data": "y"}, {"text": "?", "url": "https://a.b"}]]},
    },
    "fallback_language": "en",
}


@pytest.fixture
async def drain(house: House, database_url: str, redis_url: str) -> AsyncIterator[Drain]:
    async with worker(database_url, redis_url) as one:
        yield one


async def presses(house: House, world: World, chat: int, data: str) -> None:
    """One press below the latest message in this chat."""
    ada = outsider(house, id=chat)
    shown = {"message_id": world.sent[chat][-1].message_id, "date": 0, "chat": ada.chat}
    query = {"id": str(next(numbers)), "from": ada.person, "chat_instance": "1", "message": shown, "data": data}
    await ada.does(callback_query=query)


async def pressed(operator: Person, one: Any) -> list[tuple[str, str, int, int]]:
    found = await operator.get(f"/broadcast/campaign/{one['id']}/presses")
    return [(each["data"], each["text"], each["presses"], each["people"]) for each in found["buttons"]]


async def test_each_press_of_each_person_is_counted_for_the_run_it_belongs_to(
    house: House, operator: Person, world: World, at_work: None, drain: Drain
) -> None:
    tag = ids.new().hex
    ada, bob, _ = await people(house, tag, 3)
    draft = await operator.post("/broadcast/campaign", name="x", content=CONTENT, audience={"tag": tag})
    assert await pressed(operator, draft) == [("y", "Yes", 0, 0), ("n", "No", 0, 0)]
    one = await through(operator, await operator.post(f"/broadcast/campaign/{draft['id']}/start"))
    for chat, data in ((ada, "y"), (ada, "y"), (bob, "y"), (bob, "n")):
        await presses(house, world, chat, data)
    await drain.sweep()
    assert await pressed(operator, one) == [("y", "Yes", 3, 2), ("n", "No", 1, 1)]

    other = await through(operator, await started(operator, tag, content=CONTENT))
    await presses(house, world, ada, "n")
    await drain.sweep()
    assert await pressed(operator, other) == [("y", "Yes", 0, 0), ("n", "No", 1, 1)]
    assert await pressed(operator, one) == [("y", "Yes", 3, 2), ("n", "No", 1, 1)]


async def test_an_update_that_comes_twice_is_one_press(
    house: House, operator: Person, world: World, at_work: None, drain: Drain
) -> None:
    tag = ids.new().hex
    (ada,) = await people(house, tag, 1)
    one = await through(operator, await started(operator, tag, content=CONTENT))
    outside = outsider(house, id=ada)
    shown = {"message_id": world.sent[ada][-1].message_id, "date": 0, "chat": outside.chat}
    query = {"id": str(next(numbers)), "from": outside.person, "chat_instance": "1", "message": shown, "data": "y"}
    update = await outside.does(callback_query=query)
    await drain.sweep()
    await house.ask("POST", "/bot/webhook", update, headers=PROOF)
    await drain.sweep()
    assert await pressed(operator, one) == [("y", "Yes", 1, 1), ("n", "No", 0, 0)]
