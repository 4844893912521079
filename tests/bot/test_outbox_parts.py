"""What goes out besides plain words: marks, buttons, photos and documents, and what becomes of them by edits."""

from __future__ import annotations

from typing import Any

import pytest

from bots.fake.world import NO_ENTITIES, Sent, World
from server.bot.drain import Drain
from server.bot.outbox import Outbox
from tests.bot.test_outbox import known, outcome
from tests.bot.town import Outsider
from tests.eventually import eventually
from tests.rest.house import House, Person

PHOTO = b"\x89PNG not really\r\n--" * 50
BUTTONS = [[{"text": "Yes", "data": "yes"}, {"text": "Site", "url": "https://example.com"}]]


async def sent_up(operator: Person, thread: Any, content: bytes = PHOTO, name: str = "cät.png") -> Any:
    """A file that can be posted in the thread."""
    asked = {"params": {"thread_id": thread["id"], "name": name}, "headers": {"content-type": "image/png"}}
    return (await operator.ask("POST", "/chat/file", content=content, **asked)).telling()


def last(world: World, ada: Outsider) -> Sent:
    return world.sent[ada.chat["id"]][-1]


async def test_markdown_arrives_as_entities_and_plain_where_telegram_takes_none(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World
) -> None:
    ada, thread = await known(bot_house, drain, operator)
    for faults in ([], [NO_ENTITIES]):
        world.faults[ada.chat["id"]].extend(faults)
        now = await outcome(outbox, operator, await operator.says("🌍 **bold**", thread))
        assert now["status"] == "sent"
        assert last(world, ada).text == "🌍 bold"
        found = [(one["type"], one["offset"], one["length"]) for one in last(world, ada).entities]
        assert found == ([] if faults else [("bold", 3, 4)])


async def test_a_photo_goes_up_with_its_caption_and_edits_change_the_caption(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World
) -> None:
    ada, thread = await known(bot_house, drain, operator)
    file = await sent_up(operator, thread)
    message = await operator.says("look", thread, payload={"type": "photo", "file": file["id"]})
    assert message["kind"] == "photo"
    assert (await outcome(outbox, operator, message))["status"] == "sent"
    one = last(world, ada)
    stored = world.files[one.file_id or ""]
    assert (one.kind, one.text, stored.name, stored.content) == ("photo", "look", "cät.png", PHOTO)
    await operator.patch(f"/chat/message/{message['id']}", text="look **here**")

    async def is_edited() -> bool:
        await outbox.sweep()
        return last(world, ada).text == "look here"

    await eventually(is_edited, within=20.0)
    assert (last(world, ada).kind, last(world, ada).message_id) == ("photo", one.message_id)


async def test_a_document_needs_no_words_and_what_telegram_has_is_named_by_its_id(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World
) -> None:
    ada, thread = await known(bot_house, drain, operator)
    known_file = world.keep("price list.pdf", "application/pdf", b"%PDF")
    payload = {"type": "document", "file_id": known_file.file_id}
    message = await outcome(outbox, operator, await operator.says("", thread, payload=payload))
    assert (message["status"], message["kind"], message["payload"]) == ("sent", "document", payload)
    assert (last(world, ada).kind, last(world, ada).file_id) == ("document", known_file.file_id)


async def test_buttons_stand_below_and_stay_through_an_edit(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World
) -> None:
    ada, thread = await known(bot_house, drain, operator)
    message = await operator.says("Well?", thread, payload={"buttons": BUTTONS})
    await outcome(outbox, operator, message)
    expected = (({"text": "Yes", "callback_data": "yes"}, {"text": "Site", "url": "https://example.com"}),)
    assert last(world, ada).buttons == expected
    await operator.patch(f"/chat/message/{message['id']}", text="Now?")

    async def is_edited() -> bool:
        await outbox.sweep()
        return last(world, ada).text == "Now?"

    await eventually(is_edited, within=20.0)
    assert last(world, ada).buttons == expected


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        ({"buttons": [[{"text": "x"}]]}, "either a `url` or `data`"),
        ({"type": "photo", "file_id": "nothing"}, "ile identifier"),
    ],
)
async def test_what_cannot_be_sent_fails_with_the_reason(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, payload: dict[str, Any], why: str
) -> None:
    _, thread = await known(bot_house, drain, operator)
    now = await outcome(outbox, operator, await operator.says("x", thread, payload=payload))
    assert now["status"] == "failed"
    assert why in now["payload"]["delivery"]
