"""Messages at the REST doors: each is there once, can be changed by the right people, and every change is heard."""

from __future__ import annotations

import asyncio
import json
import random
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from server.chat.insight import Insight
from server.chat.models import Message
from tests.eventually import eventually
from tests.rest.house import House, Person, open_house
from tests.unit.realtime.puppets import Ear

WAITING = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%search_texts%'"


async def group_of(*people: Person) -> Any:
    """A group that the first of them manages."""
    return await people[0].opens("group", members=[str(person.id) for person in people[1:]])


async def test_the_first_word_opens_a_conversation_of_ones_own(house: House) -> None:
    ada = await house.person()
    first, second = await ada.says("Where is my parcel? #Delivery"), await ada.says("Hello?")
    assert (first["number"], second["number"]) == (1, 2)
    assert first["thread_id"] == second["thread_id"]
    assert (first["author_id"], first["author_kind"], first["tags"]) == (str(ada.id), "user", ["delivery"])
    assert [message["text"] for message in (await ada.get("/chat/history"))["messages"]] == [
        "Where is my parcel? #Delivery",
        "Hello?",
    ]


async def test_first_words_that_race_open_one_conversation(house: House, next_door: House) -> None:
    for _ in range(5):
        ada = await house.person()
        said = await asyncio.gather(*(ada.at(each).says("hello") for each in (house, next_door) * 4))
        assert len({message["thread_id"] for message in said}) == 1
        assert sorted(message["number"] for message in said) == list(range(1, 9))


async def test_after_an_archived_conversation_comes_a_new_one(house: House) -> None:
    ada = await house.person()
    first = await ada.says("hello")
    await ada.patch(f"/chat/threads/{first['thread_id']}", status="archived")
    second = await ada.says("hello again")
    assert second["thread_id"] != first["thread_id"]
    assert second["number"] == 1


async def test_whoever_leaves_the_own_conversation_begins_another(house: House) -> None:
    ada = await house.person()
    first = await ada.says("hello")
    await ada.delete(f"/chat/threads/{first['thread_id']}/members/{ada.id}")
    assert (await ada.says("hello again"))["thread_id"] != first["thread_id"]


async def test_archiving_while_posting_never_loses_a_word(house: House, next_door: House) -> None:
    ada = await house.person()
    threads = {(await ada.says("hello"))["thread_id"]}
    for n in range(10):
        archived = ada.at(next_door).patch(f"/chat/threads/{max(threads)}", status="archived")
        said, _ = await asyncio.gather(ada.says(f"word {n}"), archived)
        threads.add(said["thread_id"])
    assert sum([len(await ada.reads({"id": thread})) for thread in threads]) == 11


async def test_the_same_client_id_is_one_message_on_every_process(house: House, next_door: House) -> None:
    ada, eve = await house.person(), await house.person("Eve")
    group = await group_of(ada, eve)
    body = {"thread_id": group["id"], "text": "once", "client_id": "c-1"}
    answers = await asyncio.gather(*(ada.at(each).ask("POST", "/chat/send", body) for each in (house, next_door) * 5))
    assert {answer.status for answer in answers} <= {200, 201}
    assert len({json.dumps(answer.said) for answer in answers}) == 1
    again = await ada.ask("POST", "/chat/send", body | {"text": "changed meanwhile"})
    assert (again.status, again.said["text"]) == (200, "once")
    assert (await eve.says("mine", group, client_id="c-1"))["number"] == 2


async def test_a_repost_after_an_edit_brings_the_message_as_it_is_now(house: House) -> None:
    ada = await house.person()
    group = await group_of(ada)
    first = await ada.says("once", group, client_id="c")
    edited = await ada.patch(f"/chat/message/{first['id']}", text="once more")
    assert await ada.says("once", group, client_id="c") == edited


async def test_what_is_sent_is_kept_whole(house: House) -> None:
    ada = await house.person()
    group = await group_of(ada)
    payload = {"a": [1, 2.5, None, True, {"ключ": "значение 🎈"}], "nested": {"x": {}}}
    said = await ada.says("cafe\u0301 🎈\r\nline", group, payload=payload, tags=["#Menü", "x"], client_id="ü")
    assert (said["text"], said["payload"], said["tags"]) == ("café 🎈\nline", payload, ["menü", "x"])
    assert await ada.reads(group) == [said]
    assert await ada.get(f"/chat/message/{said['id']}") == said


async def test_a_reply_names_a_message_of_the_same_thread(house: House) -> None:
    ada = await house.person()
    here, there = await group_of(ada), await group_of(ada)
    first, other = await ada.says("first", here), await ada.says("other", there)
    assert (await ada.says("reply", here, reply_to=first["id"]))["reply_to"] == first["id"]
    for wrong in (other["id"], here["id"]):
        answer = await ada.ask("POST", "/chat/send", {"text": "x", "thread_id": here["id"], "reply_to": wrong})
        assert str(answer) == "422 no_such_reply"


async def test_a_message_is_shown_with_what_stands_around_it(house: House) -> None:
    ada = await house.person()
    group = await group_of(ada)
    said = [await ada.says(f"word {n}", group) for n in range(7)]
    assert "context" not in await ada.get(f"/chat/message/{said[3]['id']}")
    shown = await ada.get(f"/chat/message/{said[3]['id']}", context=2)
    assert shown.pop("context") == said[1:6]
    assert shown == said[3]
    assert len((await ada.get(f"/chat/message/{said[0]['id']}", context=50))["context"]) == 7


async def test_an_edit_keeps_the_old_version_and_takes_the_next_offset(house: House) -> None:
    ada, eve = await house.person(), await house.person("Eve")
    group = await group_of(ada, eve)
    first, second = await eve.says("one #old", group, tags=["vip"]), await ada.says("two", group)
    edited = await eve.patch(f"/chat/message/{first['id']}", text="uno #new")
    assert (edited["text"], edited["tags"], edited["number"]) == ("uno #new", ["vip", "new"], 1)
    assert edited["offset"] == second["offset"] + 1
    assert edited["edited_at"] is not None
    assert await eve.patch(f"/chat/message/{first['id']}", text="uno #new") == edited
    retagged = await ada.patch(f"/chat/message/{first['id']}", tags=["Done"])
    assert (retagged["text"], retagged["tags"]) == ("uno #new", ["done", "new"])
    for person in (ada, eve):
        kept = await person.get(f"/chat/message/{first['id']}/revisions")
        assert [(one["text"], one["tags"]) for one in kept] == [
            ("one #old", ["vip", "old"]),
            ("uno #new", ["vip", "new"]),
        ]
        assert [one["replaced_by"] for one in kept] == [str(eve.id), str(ada.id)]


async def test_only_its_author_changes_what_a_message_says(house: House) -> None:
    ada, eve, bob = [await house.person(name) for name in ("Ada", "Eve", "Bob")]
    group = await group_of(ada, eve, bob)
    said = await eve.says("mine", group)
    path = f"/chat/message/{said['id']}"
    assert str(await ada.ask("PATCH", path, {"text": "yours"})) == "403 not_the_author"
    for method, body in (("PATCH", {"tags": ["x"]}), ("PATCH", {}), ("DELETE", None)):
        assert str(await bob.ask(method, path, body)) == "403 not_the_author"
    assert str(await bob.ask("GET", f"{path}/revisions")) == "403 not_the_author"
    assert await eve.reads(group) == [said]


async def test_a_deleted_message_keeps_its_place_and_loses_its_words(house: House) -> None:
    ada, eve = await house.person(), await house.person("Eve")
    group = await group_of(ada, eve)
    said = await eve.says("a secret #x", group, payload={"a": 1})
    await ada.says("next", group)
    await ada.put(f"/chat/message/{said['id']}/reactions/%F0%9F%91%8D")
    gone = await ada.delete(f"/chat/message/{said['id']}")
    assert (gone["text"], gone["tags"], gone["payload"], gone["reactions"]) == ("", [], None, {})
    assert gone["deleted_at"] is not None
    assert "secret" not in json.dumps(await eve.reads(group))
    assert [message["number"] for message in await eve.reads(group)] == [1, 2]
    for method, path, body in (
        ("DELETE", "", None),
        ("PATCH", "", {"text": "again"}),
        ("PUT", "/reactions/x", None),
        ("DELETE", "/reactions/x", None),
    ):
        assert str(await eve.ask(method, f"/chat/message/{said['id']}{path}", body)) == "409 message_deleted"
    assert [one["text"] for one in await ada.get(f"/chat/message/{said['id']}/revisions")] == ["a secret #x"]


async def test_reactions_are_counted_once_a_person(house: House) -> None:
    ada, eve = await house.person(), await house.person("Eve")
    group = await group_of(ada, eve)
    path = f"/chat/message/{(await ada.says('hello', group))['id']}/reactions"
    first = await ada.put(f"{path}/%F0%9F%91%8D")
    assert first["reactions"] == {"👍": [str(ada.id)]}
    assert await ada.put(f"{path}/%F0%9F%91%8D") == first
    await asyncio.gather(eve.put(f"{path}/%F0%9F%91%8D"), eve.put(f"{path}/party"), ada.put(f"{path}/party"))
    both = (await ada.delete(f"{path}/nothing"))["reactions"]
    assert {emoji: set(people) for emoji, people in both.items()} == {
        "👍": {str(ada.id), str(eve.id)},
        "party": {str(ada.id), str(eve.id)},
    }
    assert (await ada.delete(f"{path}/party"))["reactions"]["party"] == [str(eve.id)]
    assert "party" not in (await eve.delete(f"{path}/party"))["reactions"]


async def test_search_finds_what_messages_say_now(house: House) -> None:
    ada = await house.person()
    group = await group_of(ada)
    one, two, _ = [await ada.says(text, group) for text in ("the walrus sings", "a walrus sleeps", "nobody at all")]
    await Insight(house.database).sweep()
    assert await ada.words(group, q="walrus") == ["the walrus sings", "a walrus sleeps"]
    assert await ada.words(group, q='"walrus sings" or nobody') == ["the walrus sings", "nobody at all"]
    assert await ada.words(group, q="walrus -sleeps") == ["the walrus sings"]
    await ada.patch(f"/chat/message/{one['id']}", text="the penguin sings")
    await ada.delete(f"/chat/message/{two['id']}")
    assert await ada.words(group, q="walrus") == []
    assert await ada.words(group, q="penguin") == ["the penguin sings"]
    assert await house.rows("SELECT FROM search_texts WHERE text LIKE '%walrus sleeps%'") == []


async def test_a_sweep_takes_in_what_an_edit_under_way_will_have_said(house: House) -> None:
    ada = await house.person()
    group = await group_of(ada)
    said = await ada.says("the first version", group)
    async with house.database.transaction() as tx:
        await tx.session.execute(update(Message).where(Message.id == UUID(said["id"])).values(text="the second"))
        sweeping = asyncio.create_task(Insight(house.database).sweep())
        await eventually(lambda: house.rows(WAITING))
    await sweeping
    found = await house.rows("SELECT text FROM search_texts WHERE message_id = $1", UUID(said["id"]))
    assert [row["text"] for row in found] == ["the second"]


async def test_a_message_edited_at_once_is_taken_in_with_its_language(house: House) -> None:
    ada = await house.person()
    group = await group_of(ada)
    said = await ada.says("hm", group)
    await ada.patch(f"/chat/message/{said['id']}", text="Wo bleibt denn eigentlich mein Paket, bitte?")
    await Insight(house.database).sweep()
    (found,) = await ada.reads(group, q="Paket")
    assert found["language"] == "de"


async def test_an_edit_long_after_the_post_gets_its_own_language(house: House) -> None:
    ada = await house.person()
    group = await group_of(ada)
    said = await ada.says("Where is the second parcel that I ordered?", group)
    await Insight(house.database).sweep()
    await ada.patch(f"/chat/message/{said['id']}", tags=["late"])
    assert (await ada.get(f"/chat/message/{said['id']}"))["language"] == "en"
    edited = await ada.patch(f"/chat/message/{said['id']}", text="Wo bleibt denn eigentlich mein Paket, bitte?")
    assert edited["language"] is None
    await Insight(house.database).sweep()
    (found,) = await ada.reads(group, q="Paket")
    assert found["language"] == "de"
    assert await house.rows("SELECT FROM search_texts WHERE is_reworded") == []


async def test_an_edit_during_a_sweep_keeps_no_language_of_the_old_words(house: House) -> None:
    ada = await house.person()
    group = await group_of(ada)
    said = await ada.says("Where is the second parcel that I ordered?", group)
    new = "Wo bleibt denn eigentlich mein Paket, bitte?"
    async with house.database.transaction() as tx:
        await tx.session.execute(update(Message).where(Message.id == UUID(said["id"])).values(text=new))
        sweeping = asyncio.create_task(Insight(house.database).sweep())
        await eventually(lambda: house.rows(WAITING))
    await sweeping
    await Insight(house.database).sweep()
    assert (await ada.get(f"/chat/message/{said['id']}"))["language"] == "de"


async def test_what_was_heard_and_what_is_read_afterwards_are_the_same(house: House, next_door: House) -> None:
    ada, eve = await house.person(), await house.person("Eve")
    group = await group_of(ada, eve)
    ears = [await ada.listens(group), await eve.at(next_door).listens(group)]
    dice = random.Random(7)
    said = [await ada.says(f"word {n}", group) for n in range(4)]

    async def meddle(person: Person) -> None:
        for n in range(12):
            path = f"/chat/message/{dice.choice(said)['id']}"
            match dice.randrange(5):
                case 0:
                    await person.says(f"more {n}", group)
                case 1:
                    await person.ask("PATCH", path, {"text": f"edited {n}"})
                case 2:
                    await person.ask("PUT", f"{path}/reactions/{dice.choice('xyz')}")
                case 3:
                    await person.ask("DELETE", f"{path}/reactions/{dice.choice('xyz')}")
                case 4:
                    await person.ask("DELETE", path) if n > 8 else await person.says("again", group)

    await asyncio.gather(*(meddle(each) for each in (ada, eve, ada.at(next_door), eve.at(next_door))))
    now = await ada.reads(group, limit=200)
    top = max(message["offset"] for message in now)
    for ear in ears:
        heard = await eventually(partial(complete, ear, top))
        assert [offset for offset, _ in heard] == list(range(1, top + 1))
        state = {message["id"]: message for _, message in heard}
        assert sorted(state.values(), key=lambda message: message["number"]) == now


def complete(ear: Ear, top: int) -> list[tuple[int, Any]] | None:
    heard = ear.heard()
    return heard if heard and heard[-1][0] >= top else None


async def test_a_refused_change_is_never_heard(house: House) -> None:
    ada, eve = await house.person(), await house.person("Eve")
    group = await group_of(ada, eve)
    said = await ada.says("mine", group)
    ear = await ada.listens(group)
    assert str(await eve.ask("PATCH", f"/chat/message/{said['id']}", {"text": "x"})) == "403 not_the_author"
    assert str(await ada.ask("PATCH", f"/chat/message/{said['id']}", {"text": " "})) == "422 empty_text"
    last = await ada.says("last", group)
    assert await eventually(ear.heard) == [(last["offset"], last)]


@pytest.mark.parametrize("letters", [4096, 4097])
async def test_a_text_has_a_bound(house: House, letters: int) -> None:
    ada = await house.person()
    answer = await ada.ask("POST", "/chat/send", {"text": "я" * letters})
    assert str(answer) == ("201" if letters == 4096 else "422 text_too_long")


async def test_many_may_read_at_once_with_few_connections(house: House, database_url: str, redis_url: str) -> None:
    ada = await house.person()
    said = [await ada.says("hello", await group_of(ada)) for _ in range(20)]
    async with open_house(database_url, redis_url, database_connections=2) as small:
        asked = [ada.at(small).get(f"/chat/message/{message['id']}", context=1) for message in said]
        assert [found["context"] for found in await asyncio.gather(*asked)] == [[message] for message in said]
