"""Updates become messages: in order, once, heard live; what cannot be taken in blocks nobody."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from bots.fake.world import World
from server.bot.drain import Drain
from tests.bot.town import outsider, send, worker
from tests.eventually import eventually
from tests.rest.house import House, Person


async def test_a_chat_becomes_a_thread_with_its_messages_in_order(
    bot_house: House, drain: Drain, operator: Person
) -> None:
    ada = outsider(bot_house, last_name="Lovelace")
    said = [f"line {number} #tag" for number in range(20)]
    for text in said:
        await ada.says(text)
    await drain.sweep()
    thread = await ada.thread(operator)
    assert (thread["kind"], thread["subject"]) == ("telegram", "Ada Lovelace")
    messages = await operator.reads(thread)
    assert [message["text"] for message in messages] == said
    assert {message["author_kind"] for message in messages} == {"contact"}
    assert messages[0]["tags"] == ["tag"]


async def test_operators_hear_it_live(bot_house: House, drain: Drain, operator: Person) -> None:
    ada = outsider(bot_house)
    await ada.says("first")
    await drain.sweep()
    ear = await operator.listens(await ada.thread(operator))
    await ada.says("second")
    await drain.sweep()
    await eventually(lambda: any("second" in str(each) for each in ear.heard()))


async def test_many_workers_at_once_take_each_update_once_and_in_order(
    bot_house: House, database_url: str, redis_url: str, operator: Person
) -> None:
    people = [outsider(bot_house) for _ in range(10)]
    async with worker(database_url, redis_url) as one, worker(database_url, redis_url) as other:
        for number in range(8):
            await asyncio.gather(*(each.says(str(number)) for each in people), one.sweep(), other.sweep())
        await one.sweep()
        await other.sweep()
        await eventually(lambda: _nothing_waits(bot_house))
    for each in people:
        assert await operator.words(await each.thread(operator)) == [str(number) for number in range(8)]


async def _nothing_waits(house: House) -> bool:
    return not await house.rows("SELECT FROM updates WHERE state = 'waiting' AND due_at <= now()")


async def test_a_poison_update_is_set_aside_and_blocks_no_one(bot_house: House, drain: Drain, operator: Person) -> None:
    ada, bob = outsider(bot_house), outsider(bot_house)
    poison = await ada.does(message=ada.message(text="x", photo="no list"))
    await ada.says("after it")
    await bob.says("beside it")
    await drain.sweep()
    assert await operator.words(await bob.thread(operator)) == ["beside it"]
    for _ in range(5):
        await bot_house.rows("UPDATE updates SET due_at = now() WHERE state = 'waiting'")
        await drain.sweep()
    assert await operator.words(await ada.thread(operator)) == ["after it"]
    dead = await operator.get("/bot/updates")
    assert poison["update_id"] in {row["update_id"] for row in dead}


async def test_an_edit_changes_the_message_and_keeps_its_old_words(
    bot_house: House, drain: Drain, operator: Person
) -> None:
    ada = outsider(bot_house)
    message = await ada.says("frist")
    await ada.does(edited_message=ada.message(message["message_id"], text="first", edit_date=2))
    await drain.sweep()
    (now,) = await operator.reads(await ada.thread(operator))
    assert now["text"] == "first"
    assert now["edited_at"] is not None
    assert (now["number"], now["offset"]) == (1, 2)
    assert [old["text"] for old in await operator.get(f"/chat/message/{now['id']}/revisions")] == ["frist"]


async def test_a_reply_names_its_message(bot_house: House, drain: Drain, operator: Person) -> None:
    ada = outsider(bot_house)
    question = await ada.says("question")
    await ada.says("answer", reply_to_message=question)
    await drain.sweep()
    first, second = await operator.reads(await ada.thread(operator))
    assert second["reply_to"] == first["id"]


def stored(kind: str, **more: Any) -> dict[str, Any]:
    return {kind: {"file_id": "f", "file_unique_id": "u", **more}}


SIZES = [{"file_id": f"f{n}", "file_unique_id": f"u{n}", "width": n, "height": n} for n in (1, 2)]
PDF = {"file_name": "a.pdf", "mime_type": "application/pdf", "file_size": 9}
STICKER = {"type": "regular", "width": 1, "height": 1, "is_animated": False, "is_video": False, "emoji": "👍"}
CARD = {"phone_number": "+43 1", "first_name": "Bob"}
CONTENTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "photo": ({"photo": SIZES, "caption": "look"}, {"file_id": "f2", "width": 2, "height": 2}),
    "document": ({**stored("document", **PDF), "caption": "look"}, {"file_id": "f", **PDF}),
    "voice": (stored("voice", duration=3, mime_type="audio/ogg"), {"duration": 3, "mime_type": "audio/ogg"}),
    "audio": (stored("audio", duration=4), {"file_id": "f", "duration": 4}),
    "video": (stored("video", width=1, height=1, duration=5), {"file_id": "f", "duration": 5}),
    "video_note": (stored("video_note", length=1, duration=5), {"file_id": "f", "duration": 5}),
    "sticker": (stored("sticker", **STICKER), {"file_id": "f", "emoji": "👍"}),
    "location": ({"location": {"latitude": 48.2, "longitude": 16.4}}, {"latitude": 48.2, "longitude": 16.4}),
    "contact": ({"contact": CARD}, {"phone_number": "+43 1", "name": "Bob"}),
}


@pytest.mark.parametrize("kind", CONTENTS)
async def test_what_is_not_text_keeps_its_kind(bot_house: House, drain: Drain, operator: Person, kind: str) -> None:
    ada, (content, payload) = outsider(bot_house), CONTENTS[kind]
    await ada.does(message=ada.message(**content))
    await drain.sweep()
    (said,) = await operator.reads(await ada.thread(operator))
    assert (said["kind"], said["text"]) == (kind, content.get("caption", ""))
    assert said["payload"].items() >= payload.items()


async def test_a_button_that_is_pressed_is_one_message_and_is_answered(
    bot_house: House, operator: Person, world: World, api: str, database_url: str, redis_url: str
) -> None:
    ada = outsider(bot_house)
    keyboard = {"inline_keyboard": [[{"text": "To Monday", "callback_data": "move:1"}]]}
    shown = ada.message(text="When shall it come?", reply_markup=keyboard)
    query = {"id": "4711000", "from": ada.person, "chat_instance": "1", "message": shown, "data": "move:1"}
    world.queries["4711000"] = ada.chat["id"]
    update = await ada.does(callback_query=query)
    async with worker(database_url, redis_url, api) as one:
        await one.sweep()
        await eventually(lambda: "4711000" not in world.queries)
        assert str(await send(bot_house, update)) == "200"
        await one.sweep()
    (pressed,) = await operator.reads(await ada.thread(operator))
    assert (pressed["kind"], pressed["text"], pressed["payload"]) == ("button", "To Monday", {"data": "move:1"})
    assert pressed["author_kind"] == "contact"


async def test_a_press_on_a_message_that_is_too_old_to_be_shown_is_kept_by_its_data(
    bot_house: House, drain: Drain, operator: Person
) -> None:
    ada = outsider(bot_house, id=-5_000, type="group", title="Friends")
    old = {"message_id": 1, "date": 0, "chat": ada.chat}
    await ada.does(callback_query={"id": "1", "from": ada.person, "chat_instance": "1", "message": old, "data": "yes"})
    await drain.sweep()
    (pressed,) = await operator.reads(await ada.thread(operator))
    assert (pressed["text"], pressed["payload"]["sender"]) == ("yes", {"id": 9, "name": "Ada"})


async def test_who_asks_for_a_person_waits_for_one(bot_house: House, drain: Drain, operator: Person) -> None:
    ada = outsider(bot_house)
    await ada.says("hello")
    await drain.sweep()
    assert (await ada.thread(operator))["waiting_since"] is None
    await ada.says("/human")
    await drain.sweep()
    thread = await ada.thread(operator)
    assert thread["waiting_since"] is not None
    await ada.says("/human")
    await drain.sweep()
    assert (await ada.thread(operator))["waiting_since"] == thread["waiting_since"]
    *_, answered = await operator.reads(thread)
    assert (answered["author_kind"], answered["status"]) == ("system", "queued")


async def test_stop_and_start_say_whether_announcements_are_wanted(
    bot_house: House, drain: Drain, operator: Person
) -> None:
    ada = outsider(bot_house)
    query = "SELECT opted_out, language FROM contacts WHERE chat_id = $1"
    for command, expected in (("/stop", True), ("/start", False)):
        await ada.says(command)
        await drain.sweep()
        (row,) = await bot_house.rows(query, ada.chat["id"])
        assert (row["opted_out"], row["language"]) == (expected, "de")
    asked, answered, *_ = await operator.reads(await ada.thread(operator))
    assert (asked["text"], asked["status"]) == ("/stop", "sent")
    assert (answered["author_kind"], answered["status"]) == ("system", "queued")


async def test_who_blocks_the_bot_is_known_as_unreachable(bot_house: House, drain: Drain) -> None:
    ada = outsider(bot_house)
    await ada.says("hello")
    await drain.sweep()
    bot = {"id": 4711, "is_bot": True, "first_name": "bot"}
    inside, outside = {"user": bot, "status": "member"}, {"user": bot, "status": "kicked", "until_date": 0}
    for before, after in ((inside, outside), (outside, inside)):
        change = {"chat": ada.chat, "from": ada.person, "date": 1, "old_chat_member": before, "new_chat_member": after}
        await ada.does(my_chat_member=change)
        await drain.sweep()
        (row,) = await bot_house.rows("SELECT blocked FROM contacts WHERE chat_id = $1", ada.chat["id"])
        assert row["blocked"] is (after is outside)


async def test_systems_outside_are_told_who_comes_and_what_becomes_of_them(
    bot_house: House, drain: Drain, operator: Person
) -> None:
    ada = outsider(bot_house)
    for words in ("hello", "/stop", "/stop"):
        await ada.says(words)
        await drain.sweep()
    (row,) = await bot_house.rows("SELECT id, thread_id FROM contacts WHERE chat_id = $1", ada.chat["id"])
    for _ in range(2):
        await operator.patch(f"/bot/contacts/{row['id']}", tags=["late"])
    told = await bot_house.rows(
        "SELECT kind, posted, data FROM thread_changes WHERE thread_id = $1 ORDER BY seq", row["thread_id"]
    )
    assert [(one["kind"], one["posted"]) for one in told[:2]] == [("thread.opened", 0), ("contact.opened", 0)]
    changes = [json.loads(one["data"]) for one in told if one["kind"] == "contact.changed"]
    assert [(one["opted_out"], one["tags"]) for one in changes] == [(True, []), (True, ["late"])]
    assert {one["id"] for one in changes} == {str(row["id"])}
