"""Telegram's door: what proves itself is kept once, everybody else is turned away."""

from __future__ import annotations

from typing import Any

import pytest

from server.bot.pace import Pace
from server.bot.router import PROOF_HEADER
from server.pacing.limiter import Limiter
from server.valkey import connect
from tests.bot.town import PROOF, TOKEN, numbers, send
from tests.rest.house import SECRET, House, open_house


def update(text: str = "hello", chat_id: int = 77) -> dict[str, Any]:
    chat = {"id": chat_id, "type": "private", "first_name": "Ada"}
    return {"update_id": next(numbers), "message": {"message_id": 1, "date": 1, "chat": chat, "text": text}}


async def kept(house: House, number: int) -> list[Any]:
    return await house.rows("SELECT chat_id, body, state FROM updates WHERE update_id = $1", number)


async def test_an_update_is_kept_as_it_came_and_once(bot_house: House) -> None:
    one = update(chat_id=-100_500)
    for _ in range(3):
        assert str(await send(bot_house, one)) == "200"
    (row,) = await kept(bot_house, one["update_id"])
    assert row["chat_id"] == -100_500
    assert '"hello"' in row["body"]
    assert row["state"] == "waiting"


@pytest.mark.parametrize("given", ["", "guess", "é", PROOF[PROOF_HEADER][:-1]])
async def test_who_does_not_know_the_secret_is_turned_away(bot_house: House, given: str) -> None:
    one = update()
    headers = {PROOF_HEADER: given.encode()} if given else {"x-nothing": "here"}
    assert str(await send(bot_house, one, **headers)) == "401 wrong_secret"
    assert await kept(bot_house, one["update_id"]) == []


@pytest.mark.parametrize("body", [[], {}, {"update_id": "x"}, {"update_id": 2**63}, {"update_id": 1, "message": {}}])
async def test_what_is_no_update_is_refused(bot_house: House, body: Any) -> None:
    assert str(await send(bot_house, body)) == "422 not_an_update"


async def test_an_update_may_be_larger_than_other_bodies_and_not_endless(bot_house: House) -> None:
    assert str(await send(bot_house, update("x" * 300_000))) == "200"
    assert str(await send(bot_house, update("x" * 1_100_000))) == "413 body_too_large"


async def test_the_secret_follows_a_changed_signing_key(database_url: str, redis_url: str) -> None:
    keys = f"a new signing secret of at least 32 letters,{SECRET}"
    async with open_house(database_url, redis_url, telegram_token=TOKEN, secret_key=keys) as house:
        assert str(await send(house, update())) == "200"


async def test_without_a_database_telegram_keeps_the_update(redis_url: str) -> None:
    async with open_house("postgresql://127.0.0.1:1/none", redis_url, telegram_token=TOKEN) as house:
        answer = await send(house, update())
        assert str(answer) == "503 database_unavailable"
        assert int(answer.headers["retry-after"]) >= 1


async def test_without_a_token_the_bot_is_off_and_says_so(house: House) -> None:
    operator = await house.person(role="operator")
    assert (await operator.get("/bot/status"))["is_on"] is False
    assert str(await send(house, update())) == "401 wrong_secret"


async def test_the_status_counts_what_waits(bot_house: House) -> None:
    operator = await bot_house.person(role="operator")
    before = await operator.get("/bot/status")
    await send(bot_house, update())
    after = await operator.get("/bot/status")
    assert after["is_on"]
    assert after["bot_id"] == 4711
    assert after["waiting_updates"] == before["waiting_updates"] + 1
    assert after["last_update_at"] is not None
    assert 0 <= after["last_update_age_seconds"] < 60
    assert after["pace"]["per_second"] == 25
    assert after["telegram"]["username"] == "parley_bot"
    assert after["telegram"]["error"] is None


async def test_the_status_says_for_how_long_telegram_has_stopped_everybody(database_url: str, redis_url: str) -> None:
    stopped = "4713:another"
    async with open_house(database_url, redis_url, telegram_token=stopped) as house, connect(redis_url) as redis:
        operator = await house.person(role="operator")
        assert (await operator.get("/bot/status"))["pace"]["stopped_seconds"] == 0
        await Pace(Limiter(redis), 4713).freeze(300)
        assert 290 < (await operator.get("/bot/status"))["pace"]["stopped_seconds"] <= 301


async def test_the_status_is_told_without_telegram(database_url: str, redis_url: str) -> None:
    nowhere = "http://127.0.0.1:1"
    async with open_house(database_url, redis_url, telegram_token=TOKEN, telegram_api=nowhere) as house:
        operator = await house.person(role="operator")
        told = await operator.get("/bot/status")
        assert told["is_on"]
        assert told["telegram"]["error"]


async def test_a_dead_update_is_replayed_by_an_admin(bot_house: House) -> None:
    one = update()
    await send(bot_house, one)
    await bot_house.rows("UPDATE updates SET state = 'dead', error = 'why' WHERE update_id = $1", one["update_id"])
    admin = await bot_house.person(role="admin")
    (listed,) = [row for row in await admin.get("/bot/updates") if row["update_id"] == one["update_id"]]
    assert listed["error"] == "why"
    operator = await bot_house.person(role="operator")
    path = f"/bot/updates/{listed['id']}/replay"
    assert str(await operator.ask("POST", path)) == "403 role_needed"
    await admin.ask("POST", path)
    assert (await kept(bot_house, one["update_id"]))[0]["state"] == "waiting"
    assert str(await admin.ask("POST", path)) == "404 no_such_update"
