"""Threads and who belongs to them: opened, found again, listed, changed, read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server import ids
from server.chat import threads
from tests.eventually import eventually
from tests.rest.house import House, Person


def new_name() -> str:
    return f"room-{ids.new().hex}"


async def listed(person: Person, **query: Any) -> list[str]:
    """The ids of all the person's threads, page by page."""
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await person.get("/chat/threads", **query, **cursor)
        seen += [thread["id"] for thread in page["threads"]]
        if page["next"] is None:
            return seen
        cursor = {"cursor": page["next"]}


async def test_a_direct_thread_is_found_again_from_either_side(house: House, next_door: House) -> None:
    for _ in range(3):
        ada, eve = await house.person(), await house.person("Eve")
        asked = [
            person.at(door).opens("direct", members=[str(other.id)])
            for door in (house, next_door)
            for person, other in ((ada, eve), (eve, ada))
        ]
        assert len({thread["id"] for thread in await asyncio.gather(*asked)}) == 1
    again = await ada.ask("POST", "/chat/threads", {"kind": "direct", "members": [str(eve.id), str(ada.id)]})
    assert again.status == 200
    assert {member["user_id"] for member in await ada.get(f"/chat/threads/{again.said['id']}/members")} == {
        str(ada.id),
        str(eve.id),
    }


async def test_a_room_is_found_again_by_its_name(house: House) -> None:
    ada, eve, name = await house.person(), await house.guest(), new_name()
    made = await ada.ask("POST", "/chat/threads", {"kind": "room", "name": name, "subject": "All"})
    found = await eve.ask("POST", "/chat/threads", {"kind": "room", "name": name, "subject": "Mine"})
    assert (made.status, found.status) == (201, 200)
    assert (found.said["id"], found.said["subject"], found.said["slug"]) == (made.said["id"], "All", f"room:{name}")
    said = await eve.says("hello", found.said)
    assert await ada.reads(made.said) == [said]


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"kind": "room"}, "422 name_needed"),
        ({"kind": "room", "name": "No Spaces"}, "422 invalid_input"),
        ({"kind": "room", "name": "x", "members": ["eve"]}, "422 members_not_allowed"),
        ({"kind": "group", "name": "x"}, "422 name_not_allowed"),
        ({"kind": "direct"}, "422 one_member_needed"),
        ({"kind": "direct", "members": ["ada"]}, "422 one_member_needed"),
        ({"kind": "direct", "members": ["eve", "bob"]}, "422 one_member_needed"),
        ({"kind": "direct", "members": ["nobody"]}, "422 no_such_user"),
        ({"kind": "group", "members": ["eve", "nobody"]}, "422 no_such_user"),
        ({"kind": "support", "members": ["eve"]}, "403 members_by_operators"),
        ({"kind": "telegram"}, "422 kind_not_for_opening"),
        ({"kind": "notes"}, "422 kind_not_for_opening"),
        ({"kind": "party"}, "422 invalid_input"),
        ({"subject": "x" * 201}, "422 invalid_input"),
        ({"tags": ["a b"]}, "422 invalid_input"),
    ],
)
async def test_what_cannot_be_opened_is_refused(house: House, body: dict[str, Any], refusal: str) -> None:
    people = {name: str((await house.person(name)).id) for name in ("eve", "bob")}
    ada = await house.person()
    people |= {"ada": str(ada.id), "nobody": str(ids.new())}
    if "members" in body:
        body = body | {"members": [people[name] for name in body["members"]]}
    assert str(await ada.ask("POST", "/chat/threads", body)) == refusal


async def test_a_list_shows_what_is_new_and_what_was_said_last(house: House) -> None:
    ada, eve = await house.person(), await house.person("Eve")
    group = await ada.opens("group", members=[str(eve.id)], subject="Release", tags=["#A", "a", "b"])
    assert (group["tags"], group["capability"], group["last_message"]) == (["a", "b"], "manage", None)
    last = [await ada.says(f"word {n}", group) for n in range(3)][-1]
    (mine,) = (await ada.get("/chat/threads"))["threads"]
    (hers,) = (await eve.get("/chat/threads"))["threads"]
    assert (mine["unread"], mine["read_number"], mine["last_message"]) == (0, 3, last)
    assert (hers["unread"], hers["read_number"], hers["last_message"]) == (3, 0, last)
    assert (hers["capability"], hers["posted"], hers["subject"]) == ("post", 3, "Release")
    assert await eve.get(f"/chat/threads/{group['id']}") == hers


async def test_the_read_marker_never_moves_back(house: House) -> None:
    ada, eve = await house.person(), await house.person("Eve")
    group = await ada.opens("group", members=[str(eve.id)])
    for n in range(5):
        await ada.says(str(n), group)
    path = f"/chat/threads/{group['id']}/read"
    marks = await asyncio.gather(*(eve.post(path, number=n) for n in (3, 1, 2, 3, 0)))
    assert max(mark["number"] for mark in marks) == 3
    assert await eve.post(path, number=1) == {"number": 3, "unread": 2}
    assert await eve.post(path, number=2**53) == {"number": 5, "unread": 0}
    await ada.says("new", group)
    assert (await eve.get(f"/chat/threads/{group['id']}"))["unread"] == 1
    shown = {one["user_id"]: one["read_number"] for one in await ada.get(f"/chat/threads/{group['id']}/members")}
    assert shown == {str(ada.id): 6, str(eve.id): 5}
    room = await ada.opens("room", name=new_name())
    await ada.says("in the open", room)
    assert await eve.post(f"/chat/threads/{room['id']}/read", number=1) == {"number": 1, "unread": 0}


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_pages_of_threads_neither_repeat_nor_miss(house: House, limit: int) -> None:
    ada = await house.person()
    made = [(await ada.opens("group"))["id"] for _ in range(7)]
    await ada.says("up", {"id": made[2]})
    await house.rows("UPDATE threads SET active_at = '2020-01-01' WHERE id = ANY ($1)", made[3:6])
    seen = await listed(ada, limit=limit)
    assert len(seen) == 7
    assert set(seen) == set(made)
    assert seen[4:] == sorted(made[3:6], reverse=True)


async def test_lists_hold_what_was_asked_for(house: House) -> None:
    ada, eve = await house.person(), await house.person("Eve")
    olga = await house.person("Olga", role="operator")
    opened = {
        "support": (await ada.says("help"))["thread_id"],
        "direct": (await ada.opens("direct", members=[str(eve.id)]))["id"],
        "group": (await ada.opens("group"))["id"],
    }
    room = (await ada.opens("room", name=new_name()))["id"]
    for kind, thread in opened.items():
        assert await listed(ada, kind=kind) == [thread]
    assert set(await listed(ada)) == set(opened.values())
    assert room in await listed(eve, kind="room")
    assert await listed(eve) == [opened["direct"]]
    assert opened["support"] in await listed(olga)
    assert {opened["direct"], opened["group"]}.isdisjoint(await listed(olga))
    assert await listed(olga, mine=True) == []
    await ada.patch(f"/chat/threads/{opened['group']}", status="archived")
    assert await listed(ada, status="archived") == [opened["group"]]
    assert opened["group"] not in await listed(ada)


async def test_notes_are_for_operators_alone_and_are_made_once(house: House, next_door: House) -> None:
    ada, olga = await house.person(), await house.person("Olga", role="operator")
    support = (await ada.says("help"))["thread_id"]
    path = f"/chat/threads/{support}/notes"
    made = await asyncio.gather(*(olga.at(door).post(path) for door in (house, next_door) * 2))
    assert len({notes["id"] for notes in made}) == 1
    assert (made[0]["kind"], made[0]["attached_to"]) == ("notes", support)
    await olga.says("a difficult customer", made[0])
    other = await house.person("Otto", role="operator")
    assert await other.words(made[0]) == ["a difficult customer"]
    assert str(await ada.ask("POST", path)) == "403 operators_only"
    assert str(await ada.ask("GET", f"/chat/threads/{made[0]['id']}")) == "404 no_such_thread"
    assert str(await olga.ask("POST", f"/chat/threads/{made[0]['id']}/notes")) == "422 notes_on_notes"
    assert await ada.words({"id": support}) == ["help"]
    for person in (ada, olga):
        assert made[0]["id"] not in await listed(person)


async def test_members_come_and_go(house: House, next_door: House) -> None:
    ada, eve, bob = [await house.person(name) for name in ("Ada", "Eve", "Bob")]
    group = await ada.opens("group", members=[str(eve.id)])
    members = f"/chat/threads/{group['id']}/members"
    assert str(await bob.ask("POST", "/chat/send", {"text": "x", "thread_id": group["id"]})) == "404 no_such_thread"
    assert str(await eve.ask("PUT", f"{members}/{bob.id}", {})) == "403 not_a_manager"
    await ada.put(f"{members}/{bob.id}", capability="read")
    assert await bob.words(group) == []
    assert str(await bob.ask("POST", "/chat/send", {"text": "x", "thread_id": group["id"]})) == "403 read_only"
    await ada.put(f"{members}/{bob.id}", capability="post")
    await bob.says("now", group)
    assert await bob.at(next_door).words(group) == ["now"]
    await ada.delete(f"{members}/{bob.id}")
    assert str(await bob.ask("GET", f"/chat/threads/{group['id']}")) == "404 no_such_thread"

    async def is_gone_everywhere() -> bool:
        return str(await bob.at(next_door).ask("GET", f"/chat/threads/{group['id']}")) == "404 no_such_thread"

    await eventually(is_gone_everywhere, within=1.5)
    assert str(await eve.ask("DELETE", f"{members}/{ada.id}")) == "403 not_a_manager"
    await eve.delete(f"{members}/{eve.id}")
    assert str(await eve.ask("GET", members)) == "404 no_such_thread"
    assert str(await ada.ask("PUT", f"{members}/{ids.new()}", {})) == "422 no_such_user"


async def test_who_may_be_in_a_direct_thread_or_a_room_does_not_change(house: House) -> None:
    ada, eve = await house.person(), await house.person("Eve")
    admin = await house.person("Adam", role="admin")
    direct = await ada.opens("direct", members=[str(eve.id)])
    room = await ada.opens("room", name=new_name())
    assert str(await ada.ask("DELETE", f"/chat/threads/{direct['id']}/members/{ada.id}")) == "409 fixed_membership"
    assert str(await ada.ask("PUT", f"/chat/threads/{direct['id']}/members/{admin.id}", {})) == "403 not_a_manager"
    assert str(await admin.ask("PUT", f"/chat/threads/{room['id']}/members/{eve.id}", {})) == "409 fixed_membership"


async def test_threads_are_renamed_tagged_archived_and_reopened_by_those_who_may(house: House) -> None:
    ada, eve = await house.person(), await house.person("Eve")
    olga = await house.person("Olga", role="operator")
    group = await ada.opens("group", members=[str(eve.id)])
    path = f"/chat/threads/{group['id']}"
    changed = await ada.patch(path, subject="New", tags=["#X", "x", "y"])
    assert (changed["subject"], changed["tags"]) == ("New", ["x", "y"])
    assert str(await eve.ask("PATCH", path, {"subject": "Hers"})) == "403 not_a_manager"
    assert (await eve.patch(path, status="archived"))["status"] == "archived"
    assert (await ada.patch(path, status="open"))["status"] == "open"
    await eve.patch(path, status="archived")
    await ada.says("wakes it up", group)
    assert (await ada.get(path))["status"] == "open"
    support = f"/chat/threads/{(await ada.says('help'))['thread_id']}"
    assert str(await ada.ask("PATCH", support, {"tags": ["vip"]})) == "403 not_a_manager"
    assert (await olga.patch(support, tags=["vip"], status="archived"))["status"] == "archived"


async def test_an_open_room_is_put_away_by_operators_only(house: House) -> None:
    ada, olga = await house.person(), await house.person("Olga", role="operator")
    path = f"/chat/threads/{(await ada.opens('room', name=new_name()))['id']}"
    for change in ({"status": "archived"}, {"subject": "mine"}):
        assert str(await ada.ask("PATCH", path, change)) == "403 not_a_manager"
    assert (await olga.patch(path, status="archived"))["status"] == "archived"


async def test_a_group_keeps_somebody_who_manages_it(house: House) -> None:
    ada, bob = await house.person("Ada"), await house.person("Bob")
    thread = await ada.opens("group", members=[str(bob.id)])
    path = f"/chat/threads/{thread['id']}/members"
    assert str(await ada.ask("PUT", f"{path}/{ada.id}", {"capability": "post"})) == "409 last_manager"
    assert str(await ada.ask("DELETE", f"{path}/{ada.id}")) == "409 last_manager"
    await ada.put(f"{path}/{bob.id}", capability="manage")
    await ada.delete(f"{path}/{ada.id}")
    await bob.delete(f"{path}/{bob.id}")  # the last of all may go


async def test_a_full_thread_still_lets_its_members_change(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MEMBERS_LIMIT", 2)
    ada, bob, eve = [await house.person(name) for name in ("Ada", "Bob", "Eve")]
    thread = await ada.opens("group", members=[str(bob.id)])
    path = f"/chat/threads/{thread['id']}/members"
    await ada.put(f"{path}/{bob.id}", capability="read")
    assert str(await ada.ask("PUT", f"{path}/{eve.id}", {"capability": "read"})) == "409 too_many_members"
