"""Files of threads: sent up by who may post, read by who may read, gone when nobody names them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from server.chat.retention import forget_files
from tests.rest.house import Answer, House, Person

CONTENT = bytes(range(256)) * 2500  # more than one piece


async def sends(person: Person, thread: Any, content: bytes = CONTENT, kind: str = "image/png", **query: Any) -> Answer:
    asked = {"params": {"thread_id": thread["id"], **query}, "headers": {"content-type": kind}}
    return await person.ask("POST", "/chat/file", content=content, **asked)


@pytest.fixture
async def ada(house: House) -> Person:
    return await house.person()


@pytest.fixture
async def thread(ada: Person) -> Any:
    return await ada.post("/chat/threads", kind="group", subject="pictures")


async def test_what_is_sent_up_is_read_as_it_was(house: House, ada: Person, thread: Any) -> None:
    file = (await sends(ada, thread, name="кот.png")).telling()
    assert (file["name"], file["type"], file["size"]) == ("кот.png", "image/png", len(CONTENT))
    response = await house.client.get(f"/chat/file/{file['id']}", headers={"authorization": f"Bearer {ada.token}"})
    assert response.content == CONTENT
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-disposition"].startswith("inline; filename*=utf-8''%D0%BA")
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_what_a_browser_would_run_is_only_saved(house: House, ada: Person, thread: Any) -> None:
    file = (await sends(ada, thread, b"<script>", "text/html; charset=utf-8")).telling()
    response = await house.client.get(f"/chat/file/{file['id']}", headers={"authorization": f"Bearer {ada.token}"})
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"].startswith("attachment")


async def test_strangers_neither_send_nor_read_nor_learn_that_there_is_anything(
    house: House, ada: Person, thread: Any
) -> None:
    stranger = await house.person()
    file = (await sends(ada, thread)).telling()
    assert str(await sends(stranger, thread)) == "404 no_such_thread"
    assert str(await stranger.ask("GET", f"/chat/file/{file['id']}")) == "404 no_such_file"
    assert str(await house.ask("POST", f"/chat/file?thread_id={thread['id']}", content=CONTENT)) == "401 token_missing"


async def test_a_file_has_bounds(house: House, ada: Person, thread: Any) -> None:
    assert str(await sends(ada, thread, b"")) == "422 empty_file"
    assert str(await sends(ada, thread, b"x" * 10_000_001)) == "413 body_too_large"
    assert (await sends(ada, thread, b"x" * 300_000)).status == 201  # more than other bodies may have


async def test_a_message_names_a_file_of_its_own_thread_and_of_no_other(ada: Person, thread: Any) -> None:
    file = (await sends(ada, thread)).telling()
    payload = {"type": "photo", "file": file["id"]}
    assert (await ada.says("", thread, payload=payload))["kind"] == "photo"
    other = await ada.post("/chat/threads", kind="group", subject="others")
    body = {"thread_id": other["id"], "text": "", "payload": payload}
    assert str(await ada.ask("POST", "/chat/send", body)) == "422 no_such_attachment"
    body |= {"payload": {"type": "photo", "file": str(uuid4())}}
    assert str(await ada.ask("POST", "/chat/send", body)) == "422 no_such_attachment"
    body |= {"payload": {"type": "photo"}}
    assert str(await ada.ask("POST", "/chat/send", body)) == "422 empty_text"


async def test_a_file_goes_when_no_message_names_it_any_more(house: House, ada: Person, thread: Any) -> None:
    files = [(await sends(ada, thread)).telling()["id"] for _ in range(3)]
    named = [await ada.says("", thread, payload={"type": "photo", "file": file}) for file in files[:2]]
    await ada.delete(f"/chat/message/{named[1]['id']}")
    left = await _left(house, thread)
    assert left == set(files), "a day has not gone by"
    await house.rows("UPDATE files SET checked_at = checked_at - interval '25 hours' RETURNING id")
    assert await _left(house, thread) == {files[0]}


async def _left(house: House, thread: Any) -> set[str]:
    async for _ in forget_files(house.database):
        pass
    rows = await house.rows("SELECT id FROM files WHERE CAST(thread_id AS text) = $1", thread["id"])
    return {str(row[0]) for row in rows}
