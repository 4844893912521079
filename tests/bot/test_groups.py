"""In a group the bot hears everything it gets, and is asked only where it is meant; the group keeps its thread."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from server.bot.drain import Drain
from tests.bot.town import USERNAME, Outsider, outsider
from tests.rest.house import House, Person

OWN = {"id": 4711, "is_bot": True, "first_name": "Parley", "username": USERNAME}
groups = itertools.count(-90_000)


def group(house: House, **more: Any) -> Outsider:
    return outsider(house, **{"id": next(groups), "type": "group", "title": "Friends", **more})


def named(text: str, name: str, **more: Any) -> dict[str, Any]:
    """A text with an entity over this part of it."""
    return {"text": text, "entities": [{"offset": text.index(name), "length": len(name), **more}]}


QUESTION = {"message_id": 5, "date": 1, "from": OWN, "text": "Well?"}
ANOTHERS = {"message_id": 6, "date": 1, "from": {"id": 10, "is_bot": False, "first_name": "Bob"}, "text": "Hm."}


MEANT = {
    "its name": named("is @Parley_Bot there?", "@Parley_Bot", type="mention"),
    "a link to it": named("is Parley there?", "Parley", type="text_mention", user=OWN),
    "a reply to it": {"text": "yes", "reply_to_message": QUESTION},
    "a command": named("/help", "/help", type="bot_command"),
    "a command that it does not know": named(f"/menu@{USERNAME}", f"/menu@{USERNAME}", type="bot_command"),
    "a command to it": named(f"/help@{USERNAME}", f"/help@{USERNAME}", type="bot_command"),
}
NOT_MEANT = {
    "a command to another": named("/help@other_bot", "/help@other_bot", type="bot_command"),
    "another's name": named("is @bob there?", "@bob", type="mention"),
    "a reply to another": {"text": "yes", "reply_to_message": ANOTHERS},
    "words": {"text": "is anybody there?"},
}


@pytest.mark.parametrize("what", [*MEANT, *NOT_MEANT])
async def test_who_names_or_answers_the_bot_means_it(
    bot_house: House, drain: Drain, operator: Person, what: str
) -> None:
    is_meant, content = what in MEANT, {**MEANT, **NOT_MEANT}[what]
    friends = group(bot_house)
    reply = content.get("reply_to_message")
    more = {} if reply is None else {"reply_to_message": {**reply, "chat": friends.chat}}
    await friends.does(message=friends.message(**{**content, **more}))
    await drain.sweep()
    said, *answers = await operator.reads(await friends.thread(operator))
    assert said["payload"]["addressed"] is is_meant
    assert said["payload"]["sender"]["name"] == "Ada"
    assert len(answers) == (is_meant and content["text"].startswith("/help"))


async def test_in_a_private_chat_nobody_else_can_be_meant(bot_house: House, drain: Drain, operator: Person) -> None:
    ada = outsider(bot_house)
    await ada.says("hello")
    await drain.sweep()
    (said,) = await operator.reads(await ada.thread(operator))
    assert said["payload"] is None


@pytest.mark.parametrize("first", ["the old group", "the new one"])
async def test_a_group_that_becomes_a_supergroup_keeps_its_thread(
    bot_house: House, drain: Drain, operator: Person, first: str
) -> None:
    friends = group(bot_house)
    grown = group(bot_house, type="supergroup")
    await friends.says("before")
    await drain.sweep()
    thread = await friends.thread(operator)
    leaves = friends.message(migrate_to_chat_id=grown.chat["id"])
    comes = grown.message(migrate_from_chat_id=friends.chat["id"])
    for message in (leaves, comes) if first == "the old group" else (comes, leaves):
        await friends.does(message=message)
    await grown.says("after")
    await drain.sweep()
    assert (await grown.thread(operator))["id"] == thread["id"]
    assert await operator.words(thread) == ["before", "after"]
    assert await bot_house.rows("SELECT FROM contacts WHERE chat_id = $1", friends.chat["id"]) == []


async def test_what_came_just_before_and_just_after_the_move_is_in_one_thread(
    bot_house: House, drain: Drain, operator: Person
) -> None:
    friends = group(bot_house)
    grown = group(bot_house, type="supergroup")
    await friends.says("before")
    await friends.does(message=friends.message(migrate_to_chat_id=grown.chat["id"]))
    await grown.does(message=grown.message(migrate_from_chat_id=friends.chat["id"]))
    await grown.says("after")
    await drain.sweep()
    assert await operator.words(await grown.thread(operator)) == ["before", "after"]


async def test_what_comes_late_under_the_old_number_is_not_lost(
    bot_house: House, drain: Drain, operator: Person
) -> None:
    friends = group(bot_house)
    grown = group(bot_house, type="supergroup")
    await friends.says("before")
    await friends.does(message=friends.message(migrate_to_chat_id=grown.chat["id"]))
    await drain.sweep()
    await friends.says("late")
    await drain.sweep()
    assert await operator.words(await grown.thread(operator)) == ["before"]
    assert await operator.words(await friends.thread(operator)) == ["late"]


async def test_to_be_let_into_a_group_is_no_conversation_yet(bot_house: House, drain: Drain, operator: Person) -> None:
    friends = group(bot_house)
    grown = group(bot_house, type="supergroup")
    await friends.says("before")
    change = {"chat": grown.chat, "from": grown.person, "date": 1}
    outside, inside = {"user": OWN, "status": "left"}, {"user": OWN, "status": "member"}
    await grown.does(my_chat_member={**change, "old_chat_member": outside, "new_chat_member": inside})
    await drain.sweep()
    await grown.does(message=grown.message(migrate_from_chat_id=friends.chat["id"]))
    await grown.says("after")
    await drain.sweep()
    assert await operator.words(await grown.thread(operator)) == ["before", "after"]


@pytest.mark.parametrize(
    "what",
    [{"new_chat_title": "Foes"}, {"group_chat_created": True}, {"left_chat_member": OWN}],
    ids=lambda what: next(iter(what)),
)
async def test_what_telegram_says_of_a_group_is_nobodys_message(
    bot_house: House, drain: Drain, operator: Person, what: dict[str, Any]
) -> None:
    friends = group(bot_house)
    await friends.does(message=friends.message(**what))
    await friends.says("hello")
    await drain.sweep()
    assert await operator.words(await friends.thread(operator)) == ["hello"]


async def test_two_groups_that_both_have_a_thread_keep_them(bot_house: House, drain: Drain, operator: Person) -> None:
    friends = group(bot_house)
    grown = group(bot_house, type="supergroup")
    await friends.says("old")
    await grown.says("new")
    await friends.does(message=friends.message(migrate_to_chat_id=grown.chat["id"]))
    await drain.sweep()
    assert await operator.words(await friends.thread(operator)) == ["old"]
    assert await operator.words(await grown.thread(operator)) == ["new"]
