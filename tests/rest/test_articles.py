"""What the assistant knows: articles written, reworded, searched, brought in from files; by operators alone."""

from __future__ import annotations

from typing import Any

import pytest

from server import ids
from tests.rest.house import House, Person


@pytest.fixture
async def olga(house: House) -> Person:
    return await house.person("Olga", role="operator")


def new_key() -> str:
    return f"article-{ids.new().hex}"


async def written(person: Person, **values: Any) -> Any:
    return await person.post("/assistant/articles", **({"key": new_key(), "title": "Tea", "text": "Hot."} | values))


async def test_an_article_is_reworded_and_its_wordings_are_kept(olga: Person) -> None:
    made = await written(olga)
    path = f"/assistant/articles/{made['id']}"
    assert (made["version"], made["language"], made["enabled"]) == (1, "en", True)
    assert (await olga.patch(path, text="Cold."))["version"] == 2
    assert (await olga.patch(path, text="Cold.", enabled=False))["version"] == 2
    now = await olga.patch(path, title="Coffee")
    assert (now["title"], now["text"], now["version"], now["enabled"]) == ("Coffee", "Cold.", 3, False)
    assert await olga.get(path) == now
    kept = await olga.get(f"{path}/versions")
    assert [(each["version"], each["title"], each["text"]) for each in kept] == [
        (1, "Tea", "Hot."),
        (2, "Tea", "Cold."),
    ]


async def test_there_is_one_article_of_a_key_in_a_language(olga: Person) -> None:
    made = await written(olga)
    twice = {"key": made["key"], "title": "x", "text": "y"}
    assert str(await olga.ask("POST", "/assistant/articles", twice)) == "409 article_exists"
    assert (await written(olga, key=made["key"], language="de"))["key"] == made["key"]


async def test_articles_are_listed_page_by_page(olga: Person) -> None:
    language = "mi"
    made = [(await written(olga, language=language))["id"] for _ in range(5)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await olga.get("/assistant/articles", language=language, limit=2, **cursor)
        seen += [each["id"] for each in page["articles"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert sorted(seen) == sorted(made)
    assert str(await olga.ask("GET", "/assistant/articles?cursor=x")) == "422 bad_cursor"


async def test_articles_are_found_by_their_stems(olga: Person) -> None:
    word = "x" + ids.new().hex[-12:]
    made = await written(olga, language="de", title="Pakete", text=f"Zugestellt von {word}")
    for asked in (f"{word} Paketen", f"paket {word} zugestellt", word):
        found = (await olga.get("/assistant/articles", q=asked, language="de"))["articles"]
        assert [each["id"] for each in found] == [made["id"]]
    assert (await olga.get("/assistant/articles", q=f"{word} tee", language="de"))["articles"] == []


async def test_files_are_brought_in_once_and_changes_again(olga: Person) -> None:
    one, two, three = new_key(), new_key(), new_key()
    markdown = {"name": f"{one}.de.md", "content": "# Öffnungszeiten\n\nWerktags.\n"}
    table = {"name": "more.csv", "content": f'key,language,title,text\n{two},fr,Thé,"Chaud, très"\n{three},,Tea,Hot\n'}
    path = "/assistant/imports"
    assert await olga.post(path, files=[markdown, table]) == {"created": 3, "updated": 0, "unchanged": 0}
    table["content"] = table["content"].replace("Hot", "Cold")
    assert await olga.post(path, files=[markdown, table]) == {"created": 0, "updated": 1, "unchanged": 2}
    (kept,) = (await olga.get("/assistant/articles", q="Öffnungszeiten", language="de", limit=1))["articles"]
    assert (kept["title"], kept["text"]) == ("Öffnungszeiten", "Werktags.")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.md", "no title", "x.md has no title"),
        ("x.md", "# Title\n", "x.md: text"),
        ("x.csv", "key,title\na,b\n", "no column `text`"),
        ("x.csv", "key,title,text\nA b,x,y\n", "x.csv, line 2: key"),
        ("x.csv", "key,title,text\na,x,y\na,x,z\n", "comes twice"),
        ("x.csv", 'key,title,text\na,x,"y\n', "unexpected end"),
        ("x.csv", "key,title,text\n" + "".join(f"a{n},x,y\n" for n in range(501)), "500 articles"),
    ],
)
async def test_a_file_that_cannot_be_read_brings_in_nothing(olga: Person, name: str, content: str, said: str) -> None:
    good = new_key()
    files = [{"name": f"{good}.md", "content": "# Good\n\nText"}, {"name": name, "content": content}]
    answer = await olga.ask("POST", "/assistant/imports", {"files": files})
    assert str(answer) == "422 bad_import"
    assert said in answer.said["detail"]
    again = await olga.post("/assistant/imports", files=files[:1])
    assert again == {"created": 1, "updated": 0, "unchanged": 0}


async def test_articles_and_decisions_are_for_operators(house: House, olga: Person) -> None:
    ada, made = await house.person("Ada"), await written(olga)
    path = f"/assistant/articles/{made['id']}"
    for method, door, body in (
        ("GET", "/assistant/articles", None),
        ("POST", "/assistant/articles", {"key": "k", "title": "x", "text": "y"}),
        ("POST", "/assistant/imports", {"files": [{"name": "a.md", "content": "# A\n\nb"}]}),
        ("GET", path, None),
        ("PATCH", path, {"title": "Mine"}),
        ("GET", f"{path}/versions", None),
        ("GET", "/assistant/decisions", None),
    ):
        assert str(await ada.ask(method, door, body)) == "403 role_needed", door
    assert str(await olga.ask("GET", f"/assistant/articles/{ids.new()}")) == "404 no_such_article"


async def test_who_answers_in_a_thread_is_chosen_by_operators(house: House, olga: Person) -> None:
    ada = await house.person("Ada")
    path = f"/assistant/threads/{(await ada.says('help'))['thread_id']}"
    assert (await olga.put(path, carrier="none"))["carrier"] == "none"
    assert (await olga.put(path, carrier=None))["carrier"] is None
    assert str(await ada.ask("PUT", path, {"carrier": "none"})) == "403 not_a_manager"
    assert str(await (await house.person()).ask("PUT", path, {"carrier": None})) == "404 no_such_thread"
    group = await ada.opens("group")
    assert str(await olga.ask("PUT", f"/assistant/threads/{group['id']}", {"carrier": None})) == "404 no_such_thread"
    assert str(await ada.ask("PUT", f"/assistant/feedback/{ids.new()}", {"helpful": True})) == "404 no_such_answer"
