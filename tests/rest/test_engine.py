"""The assistant at work beside a carrier that is slow, breaks, or is overtaken: one reply, or a person, in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from server.assistant import carriers
from server.assistant.carriers import Question, Reply, ReplyCarrier, Show
from server.assistant.constants import Carrier, Path
from server.assistant.engine import Engine
from server.assistant.ledger import Ledger
from server.assistant.retrieval import Retrieval
from tests.eventually import eventually
from tests.rest.house import House, Person, open_house


@dataclass
class Told:
    """A carrier that says what it is told to, when it is told to."""

    asked: list[str] = field(default_factory=list)
    ended: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def reply(self, question: Question, _: Show) -> Reply:
        self.asked.append(question.text)
        try:
            await self.may_answer.wait()
        finally:
            self.ended += 1
        return Reply(Path.ANSWER, f"about {question.text}", {"assistant": {"path": "answer"}})


class Broken:
    """A carrier that fails."""

    async def reply(self, question: Question, _: Show) -> Reply:
        raise RuntimeError(f"a model server that answers nonsense to {question.text}")


class Unspeakable:
    """A carrier whose answer cannot be kept."""

    async def reply(self, question: Question, _: Show) -> Reply:
        return Reply(Path.ANSWER, f"\x00{question.text}", {})


def engine_of(house: House, carrier: ReplyCarrier, budget_seconds: float = 30.0) -> Engine:
    known = {Carrier.KNOWLEDGE: carrier}
    retrieval = Retrieval(house.database, None)
    return Engine(house.chat, Ledger(house.database), retrieval, known, Carrier.KNOWLEDGE, budget_seconds)


@pytest.fixture
async def ada(house: House) -> Person:
    # Whoever has no answer from an earlier test would be looked after here, too.
    await house.rows("UPDATE threads SET status = 'archived' WHERE kind IN ('support', 'telegram')")
    return await house.person("Ada")


async def replies(person: Person, thread: str) -> list[tuple[str, str]]:
    found = await person.reads({"id": thread})
    return [(each["text"], each["reply_to"]) for each in found if each["author_kind"] == "assistant"]


async def wait_for(check: Callable[[], Any]) -> None:
    await eventually(check, within=20.0)


@pytest.mark.parametrize(("carrier", "path"), [("broken", "error"), ("slow", "timeout")])
async def test_whatever_a_carrier_does_a_person_is_called_in_time(
    house: House, ada: Person, carrier: str, path: str
) -> None:
    asked = await ada.says("Where is my parcel?")
    engine = engine_of(house, Broken()) if carrier == "broken" else engine_of(house, Told(), budget_seconds=0.2)
    await engine.sweep()
    ((text, to),) = await replies(ada, asked["thread_id"])
    assert text.startswith("I am passing this on to a person")
    assert to == asked["id"]
    assert (await ada.get(f"/chat/threads/{asked['thread_id']}"))["waiting_since"] is not None
    (row,) = await house.rows("SELECT path FROM decisions WHERE question_id = $1", asked["id"])
    assert row["path"] == path
    await ada.says("Hello?", {"id": asked["thread_id"]})
    await engine.sweep()
    assert len(await replies(ada, asked["thread_id"])) == 1, "it is silent until it is given back"


async def test_where_nothing_can_be_said_a_person_is_called_all_the_same(house: House, ada: Person) -> None:
    asked = await ada.says("Where is my parcel?")
    await engine_of(house, Unspeakable()).sweep()
    assert (await ada.get(f"/chat/threads/{asked['thread_id']}"))["waiting_since"] is not None


async def test_a_newer_message_cancels_a_running_answer(house: House, ada: Person) -> None:
    told = Told()
    first = await ada.says("Where is my parcel?")
    sweep = asyncio.create_task(engine_of(house, told).sweep())
    await wait_for(lambda: told.asked)
    second = await ada.says("It is the blue one", {"id": first["thread_id"]})
    await wait_for(lambda: told.ended == 1 and len(told.asked) == 2)
    told.may_answer.set()
    await sweep
    together = "Where is my parcel?\nIt is the blue one"
    assert await replies(ada, first["thread_id"]) == [(f"about {together}", second["id"])]


async def test_an_operator_who_steps_in_silences_a_running_answer(house: House, ada: Person) -> None:
    told, olga = Told(), await house.person("Olga", role="operator")
    asked = await ada.says("Where is my parcel?")
    sweep = asyncio.create_task(engine_of(house, told).sweep())
    await wait_for(lambda: told.asked)
    await olga.post(f"/chat/threads/{asked['thread_id']}/take")
    await sweep
    assert (told.ended, await replies(ada, asked["thread_id"])) == (1, [])
    told.may_answer.set()
    await olga.post(f"/chat/threads/{asked['thread_id']}/release")
    await engine_of(house, told).sweep()
    assert await replies(ada, asked["thread_id"]) == [("about Where is my parcel?", asked["id"])]


async def test_many_workers_give_one_answer(house: House, next_door: House, ada: Person) -> None:
    told = Told()
    told.may_answer.set()
    asked = [await (await house.person()).says("Where is my parcel?") for _ in range(5)]
    engines = [engine_of(door, told) for door in (house, next_door) * 3]
    await asyncio.gather(*(engine.sweep() for engine in engines))
    for question in asked:
        rows = await house.rows(
            "SELECT 1 FROM messages WHERE thread_id = $1 AND author_kind = 'assistant'", question["thread_id"]
        )
        assert len(rows) == 1


async def test_what_a_dead_worker_decided_is_said_as_it_was_decided(house: House, ada: Person) -> None:
    asked = await ada.says("Where is my parcel?")
    told = Told()
    told.may_answer.set()
    engine = engine_of(house, told)
    await engine.sweep()
    # As if it had died before it could note that its reply was posted.
    await house.rows("UPDATE decisions SET finished_at = NULL, reply_id = NULL WHERE question_id = $1", asked["id"])
    await house.rows(
        "UPDATE attendances SET lease = $2, leased_until = now() - interval '1 second', seen = 0 WHERE thread_id = $1",
        asked["thread_id"],
        asked["id"],
    )
    other = engine_of(house, Broken())
    await other.sweep()
    assert len(await replies(ada, asked["thread_id"])) == 1
    (row,) = await house.rows("SELECT path, reply_id, finished_at FROM decisions WHERE question_id = $1", asked["id"])
    assert (row["path"], row["reply_id"] is None, row["finished_at"] is None) == ("answer", False, False)


async def test_old_questions_of_an_operators_conversation_are_not_answered(house: House, ada: Person) -> None:
    olga, told = await house.person("Olga", role="operator"), Told()
    told.may_answer.set()
    asked = await ada.says("Where is my parcel?")
    await olga.says("It is on its way", {"id": asked["thread_id"]})
    await olga.post(f"/chat/threads/{asked['thread_id']}/release")
    await engine_of(house, told).sweep()
    assert told.asked == []


async def test_who_is_asked_back_twice_gets_a_person(fresh_database: str, redis_url: str) -> None:
    async with open_house(fresh_database, redis_url) as shop:
        olga, ada = await shop.person("Olga", role="operator"), await shop.person("Ada")
        for key in ("gift-cards", "gift-wrapping"):
            await olga.post("/assistant/articles", key=key, title=key.replace("-", " "), text="About gifts.")
        engine = engine_of(shop, carriers.Knowledge())
        paths = []
        for _ in range(3):
            thread = (await ada.says("a gift"))["thread_id"]
            await engine.sweep()
            newest = await shop.rows("SELECT path FROM decisions ORDER BY number DESC LIMIT 1")
            paths.append(newest[0]["path"])
        assert paths == ["offer", "offer", "misses"]
        assert (await ada.get(f"/chat/threads/{thread}"))["waiting_since"] is not None
