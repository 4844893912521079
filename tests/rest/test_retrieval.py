"""How articles are found: by words at once, by meaning when all have theirs, in the best language there is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from server.assistant.retrieval import Retrieval
from tests.rest.house import House, Person, open_house


class Echo:
    """A model to which the nearest is what begins with the same letter."""

    model = "echo"

    def __init__(self) -> None:
        self.read: list[str] = []

    def of_article(self, title: str, text: str) -> bytes:
        self.read.append(f"{title}: {text}")
        return title[:1].encode()

    def table(self, vectors: Sequence[bytes]) -> Any:
        return list(vectors)

    def nearness(self, question: str, table: Any) -> list[float]:
        return [0.9 if vector == question[:1].encode() else 0.1 for vector in table]


@pytest.fixture
async def shop(fresh_database: str, redis_url: str) -> AsyncIterator[House]:
    """A house whose articles are this test's alone."""
    async with open_house(fresh_database, redis_url) as one:
        yield one


@pytest.fixture
async def olga(shop: House) -> Person:
    return await shop.person("Olga", role="operator")


async def written(olga: Person, key: str, title: str, text: str, language: str = "en") -> Any:
    return await olga.post("/assistant/articles", key=key, title=title, text=text, language=language)


async def first(retrieval: Retrieval, question: str, language: str = "en") -> tuple[str, str, bool] | None:
    """The key and the language of the best, and whether it is the answer."""
    found = await retrieval.find(question, language)
    return (found.hits[0].article.key, found.hits[0].article.language, found.is_sure) if found.hits else None


async def test_words_are_found_by_their_stems_and_misspelt(shop: House, olga: Person) -> None:
    await written(olga, "hours", "Opening hours", "Our shop is open on weekdays.")
    await written(olga, "stunden", "Öffnungszeiten", "Wir haben werktags geöffnet.", "de")
    by_words = Retrieval(shop.database, None)
    assert await first(by_words, "When does your shop open, at which hour?") == ("hours", "en", True)
    assert await first(by_words, "opning hous") == ("hours", "en", False)
    assert await first(by_words, "'; \\ & | ! <-> :* (") is None
    assert await first(by_words, "Öffnungszeit", "de") == ("stunden", "de", True)


async def test_what_is_stopped_is_not_found(shop: House, olga: Person) -> None:
    made = await written(olga, "hours", "Opening hours", "Our shop is open on weekdays.")
    by_words = Retrieval(shop.database, None)
    await olga.patch(f"/assistant/articles/{made['id']}", enabled=False)
    assert await first(by_words, "opening hours of your shop") is None


async def test_meaning_is_used_when_every_article_has_its_own(shop: House, olga: Person) -> None:
    echo = Echo()
    by_meaning = Retrieval(shop.database, echo)
    made = await written(olga, "aa", "Apples", "Red.")
    await written(olga, "bb", "Berries", "Blue.")
    assert (await by_meaning.find("a?", "en")).model is None
    assert await by_meaning.take_in() == 2
    assert await by_meaning.take_in() == 0
    assert await first(by_meaning, "A?") == ("aa", "en", True)
    assert (await by_meaning.find("A?", "en")).model == "echo"
    await olga.patch(f"/assistant/articles/{made['id']}", title="Cherries")
    assert (await by_meaning.find("C?", "en")).model is None, "an old meaning is none"
    assert await by_meaning.take_in() == 1
    assert echo.read[-1] == "Cherries: Red."
    assert await first(by_meaning, "C?") == ("aa", "en", True)


async def test_of_translations_the_one_in_the_wanted_language_counts_else_english(shop: House, olga: Person) -> None:
    by_meaning = Retrieval(shop.database, Echo())
    for language in ("de", "en", "es"):
        await written(olga, "aa", "Aaa", "text", language)
    await written(olga, "bb", "Bbb", "text", "de")
    await by_meaning.take_in()
    assert await first(by_meaning, "A?", "es") == ("aa", "es", True)
    assert await first(by_meaning, "A?", "ru") == ("aa", "en", True)
    assert await first(by_meaning, "B?", "en") == ("bb", "de", True)
