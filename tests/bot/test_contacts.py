"""Who is outside, at the doors for operators: listed, changed, counted, and brought in from files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from server import ids
from server.bot.constants import IMPORT_BYTES, IMPORT_REFUSALS
from server.bot.directory import Directory, bring_in
from server.bot.drain import Drain
from tests.bot.town import outsider
from tests.rest.house import Answer, House, Person


def new_word() -> str:
    return "w" + ids.new().hex[-12:]


def new_chats(count: int) -> list[int]:
    first = ids.new().int % 2**50
    return [first + number for number in range(count)]


async def sends(person: Person, file: str | AsyncIterator[bytes]) -> Answer:
    content = file.encode() if isinstance(file, str) else file
    headers = {"content-type": "text/csv", "authorization": f"Bearer {person.token}"}
    return await person.house.ask("POST", "/bot/imports", headers=headers, content=content)


async def imports(person: Person, file: str | AsyncIterator[bytes]) -> Any:
    return (await sends(person, file)).telling()


async def those_with(person: Person, **query: Any) -> list[Any]:
    found: list[Any] = (await person.get("/bot/contacts", **query))["contacts"]
    return found


async def test_a_file_is_taken_in_once_and_only_what_differs_changes(operator: Person) -> None:
    tag, (ada, bob) = new_word(), new_chats(2)
    head = "chat_id,name,language,tags,city,age:number\n"
    file = f"{head}{ada},Ada,de,{tag};vip,Bern,36\n{bob},Bob,,{tag},,\n"
    counts = {"created": 2, "updated": 0, "unchanged": 0, "refused": [], "stopped_at": None}
    assert await imports(operator, file) == counts
    assert await imports(operator, file) == {**counts, "created": 0, "unchanged": 2}
    later = f"{head}{ada},,,new,Biel,\n{bob},Bob,,{tag},,\n"
    assert await imports(operator, later) == {**counts, "created": 0, "updated": 1, "unchanged": 1}
    first, second = sorted(await those_with(operator, tag=tag), key=lambda each: int(each["chat_id"]))
    assert (second["name"], second["tags"], second["attributes"]) == ("Bob", [tag], {})
    assert (first["chat_id"], first["name"], first["language"]) == (ada, "Ada", "de")
    assert (first["tags"], first["attributes"]) == (["new", "vip", tag], {"city": "Biel", "age": 36})
    assert (first["kind"], first["seen_at"], first["opted_out"]) == ("private", None, False)


async def test_every_refused_line_is_named_and_the_others_are_in(operator: Person) -> None:
    tag, chats = new_word(), new_chats(3)
    lines = [f"{chats[0]},{tag},", f"x,{tag},", f"{chats[1]},{tag},Nowhere", f"{chats[2]},{tag},Europe/Bern"]
    found = await imports(operator, "chat_id,tags,timezone\n" + "\n".join(lines))
    assert (found["created"], [each["line"] for each in found["refused"]]) == (1, [3, 4, 5])
    assert found["refused"][0]["reason"] == "chat_id: give a whole number"
    assert "`Europe/Zurich`" in found["refused"][1]["reason"]
    assert len(await those_with(operator, tag=tag)) == 1


async def test_an_import_stops_when_the_whole_file_is_wrong(operator: Person) -> None:
    (chat,) = new_chats(1)
    found = await imports(operator, f"chat_id\n{chat}\n" + "x\n" * (IMPORT_REFUSALS + 5))
    assert (found["created"], len(found["refused"])) == (1, IMPORT_REFUSALS)
    assert found["stopped_at"] == IMPORT_REFUSALS + 2
    found = await imports(operator, f'chat_id\n{chat}\n"1')
    assert (found["unchanged"], found["stopped_at"]) == (1, 3)
    assert "never closed" in found["refused"][0]["reason"]


async def test_of_two_lines_for_one_person_the_later_one_counts(operator: Person) -> None:
    tag, (chat,) = new_word(), new_chats(1)
    found = await imports(operator, f"chat_id,name,tags\n{chat},Ada,{tag}\n{chat},Ada B,{tag}\n{chat},,{tag}\n")
    assert (found["created"], found["updated"], found["unchanged"]) == (1, 1, 1)
    assert [each["name"] for each in await those_with(operator, tag=tag)] == ["Ada B"]


async def test_a_file_larger_than_a_request_may_be_comes_in_piece_by_piece(operator: Person) -> None:
    tag, chats = new_word(), new_chats(6000)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"chat_id,name,tags\n"
        for start in range(0, len(chats), 100):
            yield "".join(f"{chat},{'x' * 60},{tag}\n" for chat in chats[start : start + 100]).encode()

    found = await imports(operator, pieces())
    assert (found["created"], found["refused"]) == (6000, [])
    counted = {each["tag"]: each["count"] for each in await operator.get("/bot/tags")}
    assert counted[tag] == 6000
    too_much = {"content-length": str(IMPORT_BYTES + 1), "authorization": f"Bearer {operator.token}"}
    answer = await operator.house.ask("POST", "/bot/imports", headers=too_much, content=b"")
    assert str(answer) == "413 body_too_large"


async def test_many_files_about_the_same_people_lose_nothing(bot_house: House) -> None:
    chats, tags = new_chats(400), [new_word(), new_word()]

    async def file(tag: str, order: list[int]) -> AsyncIterator[bytes]:
        yield b"chat_id,tags\n"
        for chat in order:
            yield f"{chat},{tag}\n".encode()

    room = Directory(bot_house.state["bot"])
    first, second = await asyncio.gather(
        bring_in(room, file(tags[0], chats)), bring_in(room, file(tags[1], chats[::-1]))
    )
    assert first.created + second.created == 400
    assert first.updated + second.updated == 400
    found = await bot_house.rows("SELECT tags FROM contacts WHERE chat_id = ANY ($1::bigint[])", chats)
    assert {tuple(row["tags"]) for row in found} == {tuple(sorted(tags))}


async def test_who_was_imported_and_writes_is_the_same_contact(
    bot_house: House, operator: Person, drain: Drain
) -> None:
    ada, tag = outsider(bot_house), new_word()
    await imports(operator, f"chat_id,name,tags,opted_out\n{ada.chat['id']},Ada,{tag},true\n")
    (before,) = await those_with(operator, tag=tag)
    thread = await operator.get(f"/chat/threads/{before['thread_id']}")
    assert thread["active_at"].startswith("1970"), "it stands behind the threads of those who wrote"
    await ada.says("hello")
    await drain.sweep()
    (after,) = await those_with(operator, tag=tag)
    assert after["id"] == before["id"]
    assert after["seen_at"] is not None
    assert await operator.words({"id": after["thread_id"]}) == ["hello"]
    await imports(operator, f"chat_id,opted_out\n{ada.chat['id']},false\n")
    assert (await operator.get(f"/bot/contacts/{after['id']}"))["opted_out"] is True


async def test_a_contact_is_changed_in_what_is_given_alone(operator: Person) -> None:
    tag, (chat,) = new_word(), new_chats(1)
    await imports(operator, f"chat_id,name,language,tags,city\n{chat},Ada,de,{tag},Bern\n")
    (made,) = await those_with(operator, tag=tag)
    path = f"/bot/contacts/{made['id']}"
    changed = await operator.patch(path, attributes={"city": None, "age": 36, "vip": True}, opted_out=True)
    assert changed == {**made, "attributes": {"age": 36, "vip": True}, "opted_out": True}
    assert await operator.get(path) == changed
    changed = await operator.patch(path, tags=["b", tag, "b"], language=None)
    assert (changed["tags"], changed["language"], changed["opted_out"]) == (["b", tag], None, True)
    many = {f"a{number}": number for number in range(99)}
    assert str(await operator.ask("PATCH", path, {"attributes": many})) == "422 too_many_attributes"
    refused: list[Any] = [{"a b": 1}, {"a": []}, {"timezone": "Bern"}]
    for attributes in refused:
        assert str(await operator.ask("PATCH", path, {"attributes": attributes})) == "422 invalid_input"
    assert await operator.get(path) == changed


async def test_contacts_are_listed_by_what_is_known_of_them(operator: Person) -> None:
    tag, chats = new_word(), new_chats(5)
    languages = ["de", "de-ch", "en", "", "den"]
    lines = [f"{chat},{tag} {n},{languages[n]},{tag},{n == 4}" for n, chat in enumerate(chats)]
    await imports(operator, "chat_id,name,language,tags,opted_out\n" + "\n".join(lines))

    async def found(**query: Any) -> list[int]:
        return sorted(chats.index(each["chat_id"]) for each in await those_with(operator, tag=tag, **query))

    assert await found() == [0, 1, 2, 3, 4]
    assert await found(language="de") == [0, 1]
    assert await found(opted_out=True) == [4]
    assert await found(blocked=True) == []
    assert await found(q=f"{tag.upper()} 3") == [3]
    assert await found(q=str(chats[2])) == [2]
    (second,) = await those_with(operator, tag=tag, q=str(chats[2]))
    assert await found(thread_id=second["thread_id"]) == [2]
    seen: list[str] = []
    query: dict[str, Any] = {"tag": tag, "limit": 2}
    while True:
        page = await operator.get("/bot/contacts", **query)
        seen += [each["id"] for each in page["contacts"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert len(seen) == 5
    assert seen == sorted(set(seen), reverse=True)
    assert str(await operator.ask("GET", "/bot/contacts?cursor=x")) == "422 bad_cursor"
    assert str(await operator.ask("GET", f"/bot/contacts/{ids.new()}")) == "404 no_such_contact"


async def test_contacts_are_for_operators_and_those_of_a_bot(house: House, bot_house: House) -> None:
    ada, olga = await bot_house.person(), await house.person(role="operator")
    for method, path in (
        ("GET", "contacts"),
        ("GET", "tags"),
        ("GET", f"contacts/{ids.new()}"),
        ("PATCH", f"contacts/{ids.new()}"),
    ):
        body: Any = {"tags": []} if method == "PATCH" else None
        assert str(await ada.ask(method, f"/bot/{path}", body)) == "403 role_needed"
    assert str(await sends(ada, "chat_id\n1\n")) == "403 role_needed"
    assert str(await sends(olga, "chat_id\n1\n")) == "409 bot_is_off"


@pytest.mark.parametrize("file", ["", "name\nAda\n", "chat_id,a b\n"])
async def test_a_file_that_names_no_columns_is_refused(operator: Person, file: str) -> None:
    assert str(await sends(operator, file)) == "422 bad_import"


async def test_only_some_import_at_once(bot_house: House, operator: Person) -> None:
    room: Directory = bot_house.state["directory"]
    room.imports += 2
    try:
        assert str(await sends(operator, "chat_id\n1\n")) == "429 too_many_imports"
    finally:
        room.imports -= 2
