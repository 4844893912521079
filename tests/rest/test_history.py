"""History in pages: cursors that hold still while others post, and filters that find exactly what they name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from server import ids
from tests.rest.house import House, Person

COUNT = 23


@pytest_asyncio.fixture(loop_scope="session")
async def ada(house: House) -> Person:
    return await house.person()


@pytest_asyncio.fixture(loop_scope="session")
async def group(ada: Person) -> AsyncIterator[Any]:
    """A group of ada's with messages `0` to `22`."""
    one = await ada.opens("group")
    for n in range(COUNT):
        await ada.says(str(n), one)
    yield one


def numbers(*span: int) -> list[str]:
    return [str(n) for n in range(*span)]


async def test_the_latest_page_comes_first_and_in_the_order_of_the_thread(ada: Person, group: Any) -> None:
    assert await ada.words(group, limit=5) == numbers(18, 23)
    assert await ada.words(group, limit=5, offset=3) == numbers(15, 20)
    assert await ada.words(group, offset=22) == ["0"]
    assert await ada.words(group, offset=23) == []
    assert await ada.words(group) == numbers(COUNT)


@pytest.mark.parametrize("limit", [1, 5, 22, 23, 24])
async def test_pages_back_and_forth_hold_every_message_once(ada: Person, group: Any, limit: int) -> None:
    back: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await ada.get("/chat/history", thread_id=group["id"], limit=limit, **cursor)
        back = [message["text"] for message in page["messages"]] + back
        if page["before"] is None:
            break
        cursor = {"before": page["before"]}
    assert back == numbers(COUNT)
    forth: list[str] = []
    cursor = {"after": "0"}
    while page["messages"]:
        page = await ada.get("/chat/history", thread_id=group["id"], limit=limit, **cursor)
        forth += [message["text"] for message in page["messages"]]
        cursor = {"after": page["after"]}
    assert forth == numbers(COUNT)


async def test_cursors_hold_still_while_others_post(ada: Person, group: Any) -> None:
    first = await ada.get("/chat/history", thread_id=group["id"], limit=10)
    new, second = await asyncio.gather(
        asyncio.gather(*(ada.says(f"new {n}", group) for n in range(10))),
        ada.get("/chat/history", thread_id=group["id"], limit=10, before=first["before"]),
    )
    third = await ada.get("/chat/history", thread_id=group["id"], limit=10, before=second["before"])
    seen = [message["text"] for page in (third, second, first) for message in page["messages"]]
    assert seen == numbers(COUNT)
    later = await ada.get("/chat/history", thread_id=group["id"], after=first["after"])
    assert [message["number"] for message in later["messages"]] == sorted(message["number"] for message in new)
    nothing = await ada.get("/chat/history", thread_id=group["id"], after=later["after"])
    assert (nothing["messages"], nothing["after"]) == ([], later["after"])


async def test_a_page_is_the_same_after_an_edit_in_the_middle(ada: Person, group: Any) -> None:
    page = await ada.get("/chat/history", thread_id=group["id"], limit=5, before="11")
    await ada.patch(f"/chat/message/{page['messages'][2]['id']}", text="edited")
    again = await ada.get("/chat/history", thread_id=group["id"], limit=5, before="11")
    assert [message["text"] for message in again["messages"]] == ["5", "6", "edited", "8", "9"]
    assert (again["before"], again["after"]) == (page["before"], page["after"])


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ({"before": "5", "after": "1"}, "422 two_cursors"),
        ({"before": "x"}, "422 bad_cursor"),
        ({"after": "-1"}, "422 bad_cursor"),
        ({"after": "\u0663"}, "422 bad_cursor"),
        ({"after": "9" * 19}, "422 bad_cursor"),
        ({"limit": "0"}, "422 invalid_input"),
        ({"limit": "201"}, "422 invalid_input"),
        ({"offset": "-1"}, "422 invalid_input"),
        ({"offset": "10001"}, "422 invalid_input"),
        ({"thread_id": "x"}, "422 invalid_input"),
        ({"status": "lost"}, "422 invalid_input"),
        ({"nonsense": "1"}, "422 invalid_input"),
    ],
)
async def test_a_wrong_question_is_refused(ada: Person, group: Any, query: dict[str, str], refusal: str) -> None:
    answer = await ada.ask("GET", "/chat/history", params={"thread_id": group["id"]} | query)
    assert str(answer) == refusal


async def test_whoever_names_no_thread_and_has_none_is_told_to_name_one(house: House) -> None:
    eve = await house.person("Eve")
    refused = await eve.ask("GET", "/chat/history")
    assert str(refused) == "404 no_such_thread"
    assert "`thread_id`" in refused.said["detail"]
    strangers = [
        await eve.ask("GET", "/chat/history", params={key: str(ids.new())}) for key in ("user_id", "thread_id")
    ]
    assert {answer.said["detail"] for answer in strangers} == {"there is no such thread, or it is not yours"}


async def test_filters_find_what_they_name(house: House) -> None:
    ada, eve = await house.person(), await house.person("Eve")
    group = await ada.opens("group", members=[str(eve.id)])
    one = await ada.says("one #Red", group)
    two = await eve.says("two", group, tags=["red", "Größe"])
    three = await ada.says("three", group)
    wanted: list[tuple[dict[str, str], list[str]]] = [
        ({"author_id": str(ada.id)}, ["one #Red", "three"]),
        ({"author_id": group["id"]}, []),
        ({"tag": "red"}, ["one #Red", "two"]),
        ({"tag": "#Red"}, ["one #Red", "two"]),
        ({"tag": "größe", "author_id": str(eve.id)}, ["two"]),
        ({"tag": "größe", "author_id": str(ada.id)}, []),
        ({"status": "sent"}, ["one #Red", "two", "three"]),
        ({"status": "failed"}, []),
        ({"since": two["created_at"]}, ["two", "three"]),
        ({"until": two["created_at"]}, ["one #Red"]),
        ({"since": one["created_at"], "until": three["created_at"], "tag": "red", "limit": "1"}, ["two"]),
        ({"since": (datetime.now(UTC) + timedelta(days=1)).isoformat()}, []),
    ]
    for query, words in wanted:
        assert await ada.words(group, **query) == words, query


async def test_filtered_pages_hold_every_match_once(house: House) -> None:
    ada = await house.person()
    group = await ada.opens("group")
    for n in range(20):
        await ada.says(str(n), group, tags=["odd"] if n % 2 else [])
    seen: list[str] = []
    before: dict[str, str] = {}
    while True:
        page = await ada.get("/chat/history", thread_id=group["id"], tag="odd", limit=3, **before)
        seen = [message["text"] for message in page["messages"]] + seen
        if page["before"] is None:
            break
        before = {"before": page["before"]}
    assert seen == [str(n) for n in range(1, 20, 2)]


async def test_operators_read_a_persons_conversation_by_the_person(house: House) -> None:
    ada, olga = await house.person(), await house.person("Olga", role="operator")
    said = await ada.says("help")
    for path in (f"/chat/history?user_id={ada.id}", f"/chat/history?thread_id={said['thread_id']}"):
        assert (await olga.get(path))["messages"] == [said]
    assert (await ada.get(f"/chat/history?user_id={ada.id}"))["messages"] == [said]
    stranger = await house.person("Eve")
    for person in (ada.id, stranger.id, said["thread_id"]):
        assert str(await stranger.ask("GET", f"/chat/history?user_id={person}")) == "404 no_such_thread"


async def test_the_last_conversation_is_found_when_none_is_open(house: House) -> None:
    ada = await house.person()
    assert str(await ada.ask("GET", "/chat/history")) == "404 no_such_thread"
    said = await ada.says("hello")
    await ada.patch(f"/chat/threads/{said['thread_id']}", status="archived")
    assert (await ada.get("/chat/history"))["messages"] == [said]
    again = await ada.says("hello again")
    assert (await ada.get("/chat/history"))["messages"] == [again]
