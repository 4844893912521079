"""What is handed out: a thread to who manages it, a person's data to themselves, line by line from one snapshot."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from server import ids
from server.chat.export import AT_ONCE, Exports
from tests.eventually import eventually
from tests.rest.house import Answer, House, Person

# With ids of their time, as all have: the sweeps go along them, in a database that other tests share.
MANY = """WITH t AS (UPDATE threads SET top = top + cardinality($3::uuid[]), posted = posted + cardinality($3)
                    WHERE id = $1)
          INSERT INTO messages (thread_id, number, "offset", id, author_id, author_kind, text)
          SELECT $1, n + 1, n + 1, m.id, $2, 'user', repeat('said ', 100)
          FROM unnest($3::uuid[]) WITH ORDINALITY AS m(id, n)"""
COUNT = 20_000


def lines(answer: Answer) -> list[Any]:
    assert answer.status == 200, answer.said
    assert answer.headers["content-type"].startswith("application/jsonl")
    return [json.loads(line) for line in answer.said.splitlines()]


def kinds(found: list[Any]) -> Counter[str]:
    return Counter(line["type"] for line in found)


async def group(ada: Person, bob: Person) -> Any:
    """A group that Ada manages, in which both have spoken and reacted."""
    thread = await ada.opens("group", members=[str(bob.id)])
    said = await ada.says("one", thread)
    await ada.patch(f"/chat/message/{said['id']}", text="two")
    answered = await bob.says("three", thread)
    await ada.put(f"/chat/message/{answered['id']}/reactions/x")
    return thread


async def test_a_thread_is_exported_whole_by_who_manages_it(house: House) -> None:
    ada, bob, admin = await house.person(), await house.person("Bob"), await house.person(role="admin")
    thread = await group(ada, bob)
    path = f"/chat/threads/{thread['id']}/export"
    answer = await ada.ask("GET", path)
    found = lines(answer)
    assert answer.headers["content-disposition"] == f'attachment; filename="thread-{thread["id"]}.jsonl"'
    assert kinds(found) == Counter(export=1, thread=1, member=2, message=2, revision=1, end=1)
    assert found[0]["type"] == "export"
    assert found[-1]["data"]["lines"] == len(found)
    assert [line["data"] for line in found if line["type"] == "message"] == await ada.reads(thread)
    assert str(await bob.ask("GET", path)) == "403 not_a_manager"
    assert str(await admin.ask("GET", path)) == "404 no_such_thread"
    own = await bob.says("help")
    assert kinds(lines(await admin.ask("GET", f"/chat/threads/{own['thread_id']}/export")))["message"] == 1


async def test_a_person_is_exported_to_themselves_and_to_admins(house: House) -> None:
    ada, bob, admin = await house.person(), await house.person("Bob"), await house.person(role="admin")
    await group(ada, bob)
    found = lines(await ada.ask("GET", "/chat/export"))
    wanted = Counter(export=1, person=1, membership=1, read_marker=1, message=1, revision=1, reaction=1, end=1)
    assert kinds(found) == wanted
    assert [line["data"]["text"] for line in found if line["type"] in ("message", "revision")] == ["two", "one"]
    assert "password" not in json.dumps(found)
    assert kinds(lines(await admin.ask("GET", f"/chat/export/{ada.id}"))) == wanted
    assert str(await bob.ask("GET", f"/chat/export/{ada.id}")) == "403 role_needed"


async def test_a_long_export_begins_early_and_shows_one_moment(house: House) -> None:
    ada = await house.person()
    thread = await ada.opens("group")
    await ada.says("first", thread)
    await house.rows(MANY, thread["id"], ada.id, [ids.new() for _ in range(COUNT)])
    exports: Exports = house.state["exports"]
    pieces = await exports.begin("thread", thread["id"])
    first = await anext(pieces)
    assert kinds([json.loads(line) for line in first.splitlines()]) == Counter(export=1)
    await anext(pieces)
    await ada.says("later", thread)
    longest, found = 0, Counter[str]()
    async for piece in pieces:
        longest = max(longest, len(piece))
        found += kinds([json.loads(line) for line in piece.splitlines()])
    assert longest < 100_000, "no more than a piece is ever in memory"
    assert COUNT - 100 < found["message"] < COUNT + 2, "what is posted meanwhile is not in it"
    assert found["end"] == 1


async def test_who_goes_away_holds_nothing(house: House) -> None:
    ada = await house.person()
    thread = await ada.opens("group")
    await ada.says("first", thread)
    await house.rows(MANY, thread["id"], ada.id, [ids.new() for _ in range(COUNT)])
    exports: Exports = house.state["exports"]
    held = [await exports.begin("thread", thread["id"]) for _ in range(AT_ONCE)]
    for each in held:
        await anext(each)
    refused = await ada.ask("GET", f"/chat/threads/{thread['id']}/export")
    assert str(refused) == "429 too_many_exports"
    assert refused.headers["retry-after"] == "5"
    for each in held:
        await each.aclose()
    assert lines(await ada.ask("GET", f"/chat/threads/{thread['id']}/export"))[-1]["type"] == "end"


async def test_who_takes_nothing_is_cut_off(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.web.TAKE_SECONDS", 0.05)
    ada = await house.person()
    thread = await ada.opens("group")
    await house.rows(MANY, thread["id"], ada.id, [ids.new() for _ in range(COUNT)])
    never, taken = asyncio.Event(), 0
    path = f"/chat/threads/{thread['id']}/export"
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    headers = [(b"authorization", f"Bearer {ada.token}".encode())]

    async def receive() -> Any:
        await never.wait()

    async def send(message: Any) -> None:
        nonlocal taken
        taken += 1
        if taken > 2:
            await never.wait()

    asgi = {"version": "3.0", "spec_version": "2.4"}
    more = {"headers": headers, "asgi": asgi, "client": ("127.0.0.1", 1), "server": ("a", 1), "scheme": "http"}
    await house.app({**scope, **more, "root_path": "", "http_version": "1.1"}, receive, send)
    assert taken == 3

    async def is_free() -> bool:
        return bool((await ada.ask("GET", path)).status == 200)

    assert await eventually(is_free)
