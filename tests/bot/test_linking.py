"""A signed link makes a chat on Telegram somebody's; nothing else does."""

from __future__ import annotations

import re
import time
from typing import Any
from uuid import UUID

import pytest

from server.bot.drain import Drain
from server.bot.linking import LINK_SECONDS, link_word
from tests.bot.town import Outsider, outsider
from tests.rest.house import SECRET, House, Person

NOW = 1_800_000_000
NOBODY = UUID(int=1)


async def follows(ada: Outsider, drain: Drain, word: str, at: int) -> None:
    await ada.says(f"/start {word}", date=at)
    await drain.sweep()


async def linked(house: House, ada: Outsider) -> Any:
    (row,) = await house.rows("SELECT user_id FROM contacts WHERE chat_id = $1", ada.chat["id"])
    return row["user_id"]


async def test_who_follows_the_link_of_an_account_is_known_as_its_owner(
    bot_house: House, drain: Drain, operator: Person
) -> None:
    owner, ada = await bot_house.person("Ada *L*"), outsider(bot_house)
    url = (await owner.post("/bot/link"))["url"]
    assert re.fullmatch(r"https://t\.me/parley_bot\?start=[A-Za-z0-9_-]{1,64}", url)
    await follows(ada, drain, url.partition("=")[2], int(time.time()))
    assert await linked(bot_house, ada) == owner.id
    asked, answered = await operator.reads(await ada.thread(operator))
    assert asked["text"] == "/start"
    assert r"Ada \*L\*" in answered["text"]
    query = "SELECT data FROM thread_changes WHERE kind = 'contact.changed' AND data::json ->> 'user_id' = $1"
    assert len(await bot_house.rows(query, str(owner.id))) == 1


@pytest.mark.parametrize(
    "word",
    [
        link_word("another secret", 4711, NOBODY, NOW + 60),
        link_word(SECRET, 4712, NOBODY, NOW + 60),
        link_word(SECRET, 4711, NOBODY, NOW + 60),  # of nobody
        "spring_sale",
        "é",
    ],
)
async def test_a_link_that_is_not_ours_links_nothing_and_says_so(
    bot_house: House, drain: Drain, operator: Person, word: str
) -> None:
    ada = outsider(bot_house)
    await follows(ada, drain, word, NOW)
    assert await linked(bot_house, ada) is None
    *_, answered = await operator.reads(await ada.thread(operator))
    assert "too old or not whole" in answered["text"]


async def test_a_link_is_good_for_a_while_by_the_clock_of_telegram(bot_house: House, drain: Drain) -> None:
    owner = await bot_house.person()
    word = link_word(SECRET, 4711, owner.id, NOW + LINK_SECONDS)
    late, early = outsider(bot_house), outsider(bot_house)
    await follows(late, drain, word, NOW + LINK_SECONDS + 1)
    await follows(early, drain, word, NOW + LINK_SECONDS)
    assert (await linked(bot_house, late), await linked(bot_house, early)) == (None, owner.id)


async def test_a_word_that_was_changed_anywhere_is_not_believed(bot_house: House, drain: Drain) -> None:
    owner, ada = await bot_house.person(), outsider(bot_house)
    word = link_word(SECRET, 4711, owner.id, NOW + 60)
    for place in (0, 24, len(word) - 1):
        other = "A" if word[place] != "A" else "B"
        await follows(ada, drain, word[:place] + other + word[place + 1 :], NOW)
    assert await linked(bot_house, ada) is None


async def test_in_a_group_nobody_is_linked(bot_house: House, drain: Drain) -> None:
    owner, group = await bot_house.person(), outsider(bot_house, id=-7_001, type="group", title="Friends")
    await follows(group, drain, link_word(SECRET, 4711, owner.id, NOW + 60), NOW)
    assert await linked(bot_house, group) is None


async def test_without_a_bot_there_is_no_link(house: House) -> None:
    person = await house.person()
    assert str(await person.ask("POST", "/bot/link")) == "409 bot_is_off"
