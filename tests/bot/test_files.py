"""Files that people send on Telegram: fetched when somebody asks, who may, and never with the bot's token in sight."""

from __future__ import annotations

from typing import Any

import pytest

from bots.fake.world import World
from server.bot.drain import Drain
from tests.bot.town import TOKEN, Outsider, outsider
from tests.rest.house import House, Person, open_house

CONTENT = bytes(range(256)) * 1000


async def sent(
    house: House, drain: Drain, operator: Person, world: World, content: bytes, name: str = "парцел.pdf"
) -> tuple[Outsider, Any]:
    """Somebody who has sent a document, and its message."""
    ada = outsider(house)
    stored = world.keep(name, "application/pdf", content)
    file = {"file_id": stored.file_id, "file_unique_id": "u", "file_name": name, "mime_type": stored.mime}
    await ada.does(message=ada.message(document=file))
    await drain.sweep()
    (message,) = await operator.reads(await ada.thread(operator))
    return ada, message


async def test_an_operator_reads_what_somebody_sent(
    bot_house: House, drain: Drain, operator: Person, world: World
) -> None:
    _, message = await sent(bot_house, drain, operator, world, CONTENT)
    signed = {"authorization": f"Bearer {operator.token}"}
    response = await bot_house.client.get(f"/bot/file/{message['id']}", headers=signed)
    assert (response.status_code, response.content) == (200, CONTENT)
    assert response.headers["content-disposition"].endswith("%D0%BB.pdf")
    assert TOKEN not in str(response.headers)


async def test_a_photo_is_shown_and_a_document_is_saved(
    bot_house: House, drain: Drain, operator: Person, world: World
) -> None:
    ada = outsider(bot_house)
    stored = world.keep("photo", "image/jpeg", CONTENT)
    await ada.does(
        message=ada.message(photo=[{"file_id": stored.file_id, "file_unique_id": "u", "width": 2, "height": 2}])
    )
    await drain.sweep()
    (message,) = await operator.reads(await ada.thread(operator))
    answer = await operator.ask("GET", f"/bot/file/{message['id']}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"].startswith("inline")


async def test_whoever_may_not_read_the_thread_does_not_learn_that_there_is_a_file(
    bot_house: House, drain: Drain, operator: Person, world: World
) -> None:
    _, message = await sent(bot_house, drain, operator, world, CONTENT)
    stranger = await bot_house.person()
    assert str(await stranger.ask("GET", f"/bot/file/{message['id']}")) == "404 no_such_file"
    assert str(await bot_house.ask("GET", f"/bot/file/{message['id']}")) == "401 token_missing"
    own = await stranger.says("x", payload={"type": "document", "file_id": message["payload"]["file_id"]})
    assert str(await stranger.ask("GET", f"/bot/file/{own['id']}")) == "404 no_such_file"


async def test_what_telegram_does_not_give_is_said_plainly(
    bot_house: House, drain: Drain, operator: Person, world: World
) -> None:
    _, message = await sent(bot_house, drain, operator, world, b"x" * 20_000_001)
    assert str(await operator.ask("GET", f"/bot/file/{message['id']}")) == "422 file_too_large"
    world.files.pop(message["payload"]["file_id"])
    answer = await operator.ask("GET", f"/bot/file/{message['id']}")
    assert str(answer) == "404 no_such_file"
    assert "wrong file_id" in answer.said["detail"]


@pytest.mark.parametrize("settings", [{"telegram_api": "http://127.0.0.1:1", "telegram_token": TOKEN}, {}])
async def test_without_telegram_there_is_nothing_to_fetch_from(
    bot_house: House,
    drain: Drain,
    operator: Person,
    world: World,
    database_url: str,
    redis_url: str,
    settings: dict[str, str],
) -> None:
    _, message = await sent(bot_house, drain, operator, world, CONTENT)
    async with open_house(database_url, redis_url, **settings) as house:
        answer = await operator.at(house).ask("GET", f"/bot/file/{message['id']}")
        assert str(answer) == "503 telegram_unavailable"
        assert TOKEN not in str(answer.said)
