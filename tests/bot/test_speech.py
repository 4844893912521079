"""In which language somebody outside is answered: what they chose, or what they write twice."""

from __future__ import annotations

from typing import Any

import pytest

from server.bot.drain import Drain
from tests.bot.town import Outsider, outsider
from tests.rest.house import House, Person

GERMAN = ["Wann kommt mein Paket endlich an?", "Ich warte schon seit drei Wochen darauf."]
FRENCH = ["Où est donc passé mon colis ?", "Je voudrais parler de ma commande."]


async def known(house: House, ada: Outsider) -> Any:
    (row,) = await house.rows("SELECT language, language_chosen FROM contacts WHERE chat_id = $1", ada.chat["id"])
    return row["language"], row["language_chosen"]


async def told(house: House, ada: Outsider) -> int:
    query = """SELECT FROM thread_changes t JOIN contacts c ON c.thread_id = t.thread_id
               WHERE t.kind = 'contact.changed' AND c.chat_id = $1"""
    return len(await house.rows(query, ada.chat["id"]))


@pytest.mark.parametrize(
    ("lines", "language"),
    [
        ([], "de"),  # what their Telegram speaks
        ([*FRENCH], "fr"),
        ([FRENCH[0]], "de"),
        ([FRENCH[0], "ok", FRENCH[1]], "fr"),  # a short line says nothing
        ([FRENCH[0], GERMAN[0], FRENCH[1]], "de"),
    ],
)
@pytest.mark.parametrize("is_at_once", [True, False])
async def test_two_messages_that_agree_change_the_language(
    bot_house: House, drain: Drain, lines: list[str], language: str, is_at_once: bool
) -> None:
    ada = outsider(bot_house)
    for line in ["hi", *lines]:
        await ada.says(line)
        if not is_at_once:
            await drain.sweep()
    await drain.sweep()
    assert await known(bot_house, ada) == (language, False)
    assert await told(bot_house, ada) == (language != "de")


async def test_who_chooses_a_language_is_answered_in_it_whatever_they_write(
    bot_house: House, drain: Drain, operator: Person
) -> None:
    ada = outsider(bot_house)
    for line in ["/lang PT_br", *FRENCH, "/lang"]:
        await ada.says(line)
    await drain.sweep()
    assert await known(bot_house, ada) == ("pt-br", True)
    words = await operator.words(await ada.thread(operator))
    assert "pt-br" in words[1]
    assert "pt-br" in words[-1]
    for line in ["/lang auto", *FRENCH]:
        await ada.says(line)
    await drain.sweep()
    assert await known(bot_house, ada) == ("fr", False)
    assert await told(bot_house, ada) == 2


async def test_a_word_that_is_no_language_changes_nothing_and_says_so(
    bot_house: House, drain: Drain, operator: Person
) -> None:
    ada = outsider(bot_house)
    await ada.says("/lang german please")
    await drain.sweep()
    assert await known(bot_house, ada) == ("de", False)
    assert "/lang de" in (await operator.words(await ada.thread(operator)))[-1]
