"""Answers go out to Telegram: once, in order, and whatever becomes of them is known to the operators."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bots.fake.world import AMBIGUOUS, BLOCKED, BROKEN, NO_CHAT, Fault, World, flooded, migrated
from server.bot.drain import Drain
from server.bot.outbox import Outbox
from tests.bot.town import Outsider, outsider, sender
from tests.eventually import eventually
from tests.rest.house import House, Person


async def known(house: House, drain: Drain, operator: Person, **chat: Any) -> tuple[Outsider, Any]:
    """Somebody who has written once, and their thread."""
    ada = outsider(house, **chat)
    await ada.does(message=ada.message(text="hello"))
    await drain.sweep()
    return ada, await ada.thread(operator)


async def outcome(outbox: Outbox, operator: Person, message: Any) -> Any:
    """The message when nothing more happens to it."""

    async def settled() -> Any:
        await outbox.sweep()
        now = await operator.get(f"/chat/message/{message['id']}")
        return now if now["status"] not in ("queued", "sending") else None

    return await eventually(settled, within=20.0)


def texts(world: World, ada: Outsider) -> list[str]:
    return [one.text for one in world.sent[ada.chat["id"]]]


async def test_an_answer_arrives_and_operators_see_it_leave(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World
) -> None:
    ada, thread = await known(bot_house, drain, operator)
    ear = await operator.listens(thread)
    answer = await operator.says("good morning", thread)
    assert answer["status"] == "queued"
    assert (await outcome(outbox, operator, answer))["status"] == "sent"
    assert texts(world, ada) == ["good morning"]

    def statuses() -> list[str]:
        return [data["status"] for offset, data in ear.heard() if offset]

    await eventually(lambda: statuses() == ["queued", "sending", "sent"])


async def test_two_senders_keep_the_order_of_a_chat_and_say_nothing_twice(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World, database_url: str, redis_url: str
) -> None:
    ada, thread = await known(bot_house, drain, operator)
    said = [await operator.says(f"line {number}", thread) for number in range(5)]
    async with sender(database_url, redis_url, outbox._telegram.bot.base_url.partition("/bot")[0]) as other:
        await asyncio.gather(outbox.sweep(), other.sweep())
        await outcome(other, operator, said[-1])
    assert texts(world, ada) == [message["text"] for message in said]


@pytest.mark.parametrize(
    ("fault", "status", "reason", "arrived"),
    [
        (BLOCKED, "blocked", "blocked by the user", 0),
        (NO_CHAT, "failed", "Chat not found", 0),
        (BROKEN, "unknown", "Bad Gateway", 0),
        (AMBIGUOUS, "unknown", "", 1),
        (flooded(1), "sent", None, 1),
    ],
)
async def test_every_answer_of_telegram_ends_in_a_state_that_says_why(
    bot_house: House,
    drain: Drain,
    operator: Person,
    outbox: Outbox,
    world: World,
    *,
    fault: Fault,
    status: str,
    reason: str | None,
    arrived: int,
) -> None:
    ada, thread = await known(bot_house, drain, operator)
    world.faults[ada.chat["id"]].append(fault)
    now = await outcome(outbox, operator, await operator.says("x", thread))
    assert now["status"] == status
    assert reason is None or reason in now["payload"]["delivery"]
    assert len(texts(world, ada)) == arrived
    (row,) = await bot_house.rows("SELECT blocked FROM contacts WHERE chat_id = $1", ada.chat["id"])
    assert row["blocked"] is (status == "blocked")


async def test_a_group_that_moved_is_followed(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World
) -> None:
    _, thread = await known(bot_house, drain, operator, id=-1234, type="group", title="Friends")
    world.faults[-1234].append(migrated(-100_1234))
    assert (await outcome(outbox, operator, await operator.says("x", thread)))["status"] == "sent"
    assert [one.text for one in world.sent[-100_1234]] == ["x"]


async def test_a_group_that_moved_to_where_somebody_has_written_says_so(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World
) -> None:
    _, thread = await known(bot_house, drain, operator, id=-4321, type="group", title="Friends")
    await known(bot_house, drain, operator, id=-100_4321, type="supergroup", title="Friends")
    world.faults[-4321].append(migrated(-100_4321))
    now = await outcome(outbox, operator, await operator.says("x", thread))
    assert now["status"] == "failed"
    assert "thread of its own" in now["payload"]["delivery"]


async def test_a_long_text_that_was_stopped_in_its_middle_goes_on_there(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World
) -> None:
    ada, thread = await known(bot_house, drain, operator)
    text = " ".join(["🌍word"] * 680)
    world.faults[ada.chat["id"]].extend([Fault(), flooded(1)])
    assert (await outcome(outbox, operator, await operator.says(text, thread)))["status"] == "sent"
    assert len(texts(world, ada)) == 2
    assert " ".join(texts(world, ada)) == text


async def test_a_long_text_arrives_in_pieces(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World
) -> None:
    ada, thread = await known(bot_house, drain, operator)
    text = " ".join(["🌍word"] * 680)
    await outcome(outbox, operator, await operator.says(text, thread))
    assert len(texts(world, ada)) == 2
    assert " ".join(texts(world, ada)) == text


async def test_who_died_between_sending_and_recording_leaves_an_unknown_one(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World
) -> None:
    ada, thread = await known(bot_house, drain, operator)
    message = await operator.says("x", thread)
    world.faults[ada.chat["id"]].append(BLOCKED)
    await outcome(outbox, operator, message)
    died = "UPDATE relays SET status = 'sending', claimed_until = now() WHERE thread_id = $1::text::uuid"
    await bot_house.rows(died, thread["id"])
    now = await outcome(outbox, operator, message)
    await outbox.sweep()
    (row,) = await bot_house.rows("SELECT status, reason FROM relays WHERE thread_id = $1::text::uuid", thread["id"])
    assert row["status"] == "unknown"
    assert "may have arrived" in row["reason"]
    assert now["number"] == message["number"]
    assert texts(world, ada) == []


async def test_commands_are_answered_and_replies_point_at_their_question(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World
) -> None:
    ada = outsider(bot_house)
    asked = await ada.says("/help")
    await drain.sweep()
    thread = await ada.thread(operator)
    question, _ = await operator.reads(thread)
    await outcome(outbox, operator, await operator.says("like this", thread, reply_to=question["id"]))
    helped, answer = world.sent[ada.chat["id"]]
    assert "/stop" in helped.text
    assert answer.reply_to == asked["message_id"]


async def test_what_is_unknown_is_sent_again_when_an_operator_says_so(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World
) -> None:
    ada, thread = await known(bot_house, drain, operator)
    world.faults[ada.chat["id"]].append(BROKEN)
    message = await outcome(outbox, operator, await operator.says("x", thread))
    assert message["status"] == "unknown"
    guest = await bot_house.person()
    path = f"/bot/messages/{message['id']}/send"
    assert str(await guest.ask("POST", path)) == "403 role_needed"
    assert (await operator.ask("POST", path)).status == 202
    again = await outcome(outbox, operator, message)
    assert (again["status"], again["payload"], texts(world, ada)) == ("sent", None, ["x"])
    assert str(await operator.ask("POST", path)) == "409 not_to_be_repeated"
    assert str(await operator.ask("POST", f"/bot/messages/{thread['id']}/send")) == "404 no_such_message"


async def test_edits_and_deletions_follow(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World
) -> None:
    ada, thread = await known(bot_house, drain, operator)
    message = await outcome(outbox, operator, await operator.says("wrnog", thread))
    await operator.patch(f"/chat/message/{message['id']}", text="right")
    await arrives(outbox, world, ada, "right")
    await operator.patch(f"/chat/message/{message['id']}", text="🌍 " * 1400)
    await eventually(lambda: _pieces(outbox, world, ada, 2), within=20.0)
    await operator.delete(f"/chat/message/{message['id']}")
    await arrives(outbox, world, ada)
    (row,) = await bot_house.rows("SELECT status FROM relays WHERE message_id = $1::text::uuid", message["id"])
    assert row["status"] == "sent"


async def _pieces(outbox: Outbox, world: World, ada: Outsider, count: int) -> bool:
    await outbox.sweep()
    return len(texts(world, ada)) == count


async def arrives(outbox: Outbox, world: World, ada: Outsider, *wanted: str) -> None:
    async def is_there() -> bool:
        await outbox.sweep()
        return texts(world, ada) == list(wanted)

    await eventually(is_there, within=20.0)


async def test_what_is_edited_before_it_leaves_arrives_once_as_it_is_now(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World
) -> None:
    ada, thread = await known(bot_house, drain, operator)
    message = await operator.says("draft", thread)
    await operator.patch(f"/chat/message/{message['id']}", text="final")
    await outcome(outbox, operator, message)
    await arrives(outbox, world, ada, "final")


async def test_what_was_said_long_ago_is_amended_at_once(
    bot_house: House, drain: Drain, operator: Person, outbox: Outbox, world: World
) -> None:
    ada, thread = await known(bot_house, drain, operator)
    message = await outcome(outbox, operator, await operator.says("wrnog", thread))
    long_ago = "UPDATE threads SET active_at = 'epoch' WHERE id = $1::text::uuid RETURNING id"
    assert await bot_house.rows(long_ago, thread["id"])
    await operator.patch(f"/chat/message/{message['id']}", text="right")
    await outbox.sweep()
    assert texts(world, ada) == ["right"]
    await operator.delete(f"/chat/message/{message['id']}")
    await outbox.sweep()
    assert texts(world, ada) == []
