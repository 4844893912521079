"""What people are told without asking: unread counts, who reads and types, memberships, the operators' inbox."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import pytest

from server import ids
from server.broadcast.telling import Herald
from server.chat.events import HEARD
from server.errors import Limited, Missing, Unauthenticated
from tests.eventually import eventually
from tests.rest.house import House, Person
from tests.unit.realtime.puppets import Ear


def news(ear: Ear, kind: str, **wanted: Any) -> list[dict[str, Any]]:
    """What was told of this kind, with at least these fields."""
    told = [data for _, data in ear.heard() if isinstance(data, dict) and data.get("type") == kind]
    return [data for data in told if wanted.items() <= data.items()]


@pytest.fixture
async def ada(house: House) -> Person:
    return await house.person("Ada")


@pytest.fixture
async def bob(house: House) -> Person:
    return await house.person("Bob")


async def test_members_are_told_how_much_they_have_not_read(ada: Person, bob: Person, next_door: House) -> None:
    thread = await ada.opens("group", members=[str(bob.id)])
    ear = await bob.at(next_door).hears(f"user:{bob.id}")
    for text in ("one", "two", "three"):
        await ada.says(text, thread)
    await eventually(lambda: news(ear, "unread", thread_id=thread["id"], unread=3, posted=3))
    await bob.post(f"/chat/threads/{thread['id']}/read", number=2)
    await eventually(lambda: news(ear, "unread", thread_id=thread["id"], unread=1))


async def test_others_see_how_far_one_has_read(ada: Person, bob: Person) -> None:
    thread = await ada.opens("group", members=[str(bob.id)])
    await ada.says("one", thread)
    ear = await ada.listens(thread)
    for number in (1, 1, 0):
        await bob.calls("chat.read", thread_id=thread["id"], number=number)
    await ada.says("two", thread)
    await eventually(lambda: any(offset for offset, _ in ear.heard()))
    await eventually(lambda: news(ear, "read"))
    for told in news(ear, "read"):  # Ada has read what she wrote
        assert told["readers"].get(str(bob.id), 1) == 1


async def test_typing_is_told_at_once_and_not_all_the_time(ada: Person, bob: Person, next_door: House) -> None:
    thread = await ada.opens("group", members=[str(bob.id)])
    ear = await ada.at(next_door).listens(thread)
    rooms = bob.house.node.rooms
    who = await rooms.sign_in(bob.token)
    for _ in range(3):
        await rooms.notice(who, json.dumps({"type": "typing", "channel": f"thread:{thread['id']}"}).encode())
        await bob.calls("chat.typing", thread_id=thread["id"])
    await ada.says("enough", thread)
    await eventually(lambda: any(offset for offset, _ in ear.heard()))
    assert news(ear, "typing") == [
        {"type": "typing", "thread_id": thread["id"], "user_id": str(bob.id), "name": "Bob"},
    ]


async def test_who_may_not_post_does_not_type(ada: Person, bob: Person) -> None:
    thread = await ada.opens("group")
    with pytest.raises(Missing):
        await bob.calls("chat.typing", thread_id=thread["id"])


async def test_memberships_are_told_to_whom_they_concern(ada: Person, bob: Person) -> None:
    ear = await bob.hears(f"user:{bob.id}")
    thread = await ada.opens("group", members=[str(bob.id)])
    await ada.put(f"/chat/threads/{thread['id']}/members/{bob.id}", capability="read")
    await ada.delete(f"/chat/threads/{thread['id']}/members/{bob.id}")
    await eventually(lambda: news(ear, "left", thread_id=thread["id"]))
    assert [one["capability"] for one in news(ear, "joined", thread_id=thread["id"])] == ["post", "read"]


async def test_who_opens_a_thread_is_told_what_they_may_do_in_it(ada: Person, bob: Person) -> None:
    ears = {person.name: await person.hears(f"user:{person.id}") for person in (ada, bob)}
    await ada.opens("room", name=f"r{ids.new().hex}")  # nobody is a member of a room
    group = await ada.opens("group", members=[str(bob.id)])
    direct = await ada.opens("direct", members=[str(bob.id)])

    def told(name: str) -> list[tuple[str, str]]:
        return [(one["thread_id"], one["capability"]) for one in news(ears[name], "joined")]

    await eventually(lambda: told("Ada") == [(group["id"], "manage"), (direct["id"], "post")])
    await eventually(lambda: told("Bob") == [(group["id"], "post"), (direct["id"], "post")])


async def test_who_is_taken_out_hears_no_more_on_any_process(ada: Person, bob: Person, next_door: House) -> None:
    thread = await ada.opens("group", members=[str(bob.id)])
    ear = await bob.at(next_door).listens(thread)
    await ada.delete(f"/chat/threads/{thread['id']}/members/{bob.id}")
    await eventually(lambda: ear.expelled == [2000], within=1)
    with pytest.raises(Missing):
        await bob.at(next_door).listens(thread)


async def test_nobody_hears_what_is_anothers_own(ada: Person, bob: Person) -> None:
    with pytest.raises(Missing):
        await ada.hears(f"user:{bob.id}")


async def test_operators_see_what_waits_in_the_inbox_and_others_do_not(house: House, ada: Person) -> None:
    operator = await house.person("Olga", role="operator")
    ear = await operator.hears("inbox")
    with pytest.raises(Missing):
        await ada.hears("inbox")
    message = await ada.says("Is anybody there?")
    (line,) = await eventually(lambda: news(ear, "thread", thread_id=message["thread_id"]))
    assert (line["kind"], line["status"], line["posted"]) == ("support", "open", 1)
    await operator.patch(f"/chat/threads/{message['thread_id']}", status="archived")
    await eventually(lambda: news(ear, "thread", thread_id=message["thread_id"], status="archived"))


async def test_a_room_is_made_by_the_first_who_comes_and_is_heard_under_both_names(
    ada: Person, bob: Person, next_door: House
) -> None:
    channel = f"room:r{ids.new().hex}"
    ear = await ada.hears(channel)
    rooms = bob.house.node.rooms
    await rooms.publish(await rooms.sign_in(bob.token), channel, b'{"text":"hello"}')
    ((_, message),) = await eventually(ear.heard)
    by_id = await bob.at(next_door).hears(f"thread:{message['thread_id']}")
    by_name = await bob.at(next_door).hears(channel)
    await ada.says("and again", {"id": message["thread_id"]})
    for one in (by_id, by_name):
        ((_, again),) = await eventually(one.heard)
        assert again["text"] == "and again"
    edited = await bob.calls("chat.edit", message_id=message["id"], text="hello, all")
    await eventually(lambda: by_name.heard()[-1] == (edited["offset"], edited))


async def test_asking_about_a_room_does_not_make_it(ada: Person, house: House) -> None:
    rooms, channel = house.node.rooms, f"room:r{ids.new().hex}"
    who = await rooms.sign_in(ada.token)
    for question in (rooms.look(who, channel), rooms.notice(who, b'{"channel":"%b"}' % channel.encode())):
        with pytest.raises(Missing):
            await question


async def test_nobody_makes_rooms_without_end(ada: Person) -> None:
    async def go_on() -> None:
        for _ in range(30):
            await ada.hears(f"room:r{ids.new().hex}")

    with pytest.raises(Limited) as refused:
        await go_on()
    assert refused.value.code == "too_many_rooms"
    assert refused.value.retry_after


@pytest.mark.parametrize("name", ["room:", "room:Not Allowed", f"room:{'x' * 65}", "inbox:", "nowhere:1", "thread:x"])
async def test_a_channel_that_cannot_be_does_not_exist(ada: Person, name: str) -> None:
    with pytest.raises(Missing):
        await ada.hears(name)


async def test_a_manager_may_let_somebody_listen_for_a_while(ada: Person, bob: Person) -> None:
    thread = await ada.opens("group")
    path = f"/chat/threads/{thread['id']}/subscription-token"
    assert (await bob.ask("POST", path, {"user_id": str(bob.id)})).status == 404
    given = await ada.post(path, user_id=str(bob.id), seconds=60)
    rooms = bob.house.node.rooms
    who = await rooms.sign_in(bob.token)
    entry = await rooms.join(who, given["channel"], given["token"])
    assert entry.is_granted
    with pytest.raises(Missing):
        await rooms.publish(who, given["channel"], b'{"text":"I only listen"}')
    other = await ada.opens("group")
    for token in (given["token"], bob.token, "nonsense"):
        with pytest.raises(Unauthenticated):
            await rooms.join(who, f"thread:{other['id']}", token)
    for channel in (given["channel"], f"thread:{ids.new()}"):  # there, and not there: the same answer
        mallory = await bob.house.person("Mallory")
        with pytest.raises(Unauthenticated) as refused:
            await rooms.join(await rooms.sign_in(mallory.token), channel, given["token"])
        assert refused.value.code == "token_invalid"


async def test_a_member_who_only_reads_cannot_hand_out_leave(ada: Person, bob: Person) -> None:
    thread = await ada.opens("group", members=[str(bob.id)])
    path = f"/chat/threads/{thread['id']}/subscription-token"
    assert (await bob.ask("POST", path, {"user_id": str(bob.id)})).status == 403


async def test_remote_calls_do_what_the_rest_doors_do(ada: Person) -> None:
    thread = await ada.opens("group")
    posted = await ada.calls("chat.post", thread_id=thread["id"], text="hello", client_id="1")
    assert (await ada.calls("chat.post", thread_id=thread["id"], text="hello", client_id="1"))["id"] == posted["id"]
    loved = await ada.calls("chat.react", message_id=posted["id"], emoji="❤")
    assert loved["reactions"] == {"❤": [str(ada.id)]}
    bare = await ada.calls("chat.react", message_id=posted["id"], emoji="❤", remove=True)
    assert bare["reactions"] == {}
    assert (await ada.calls("chat.history", thread_id=thread["id"]))["messages"] == [bare]
    assert (await ada.calls("chat.threads", kind="group", mine=True))["threads"][0]["last_message"] == bare
    gone = await ada.calls("chat.delete", message_id=posted["id"])
    assert gone["deleted_at"] is not None
    assert await ada.reads(thread) == [gone]
    assert gone["offset"] == 4


async def test_a_raw_newline_in_what_was_sent_is_in_nothing_that_is_heard(ada: Person) -> None:
    thread = await ada.opens("group")
    ear = await ada.listens(thread)
    rooms = ada.house.node.rooms
    who = await rooms.sign_in(ada.token)
    sent = b'{\n"text": "one\\ntwo",\n"payload": {\n"a":\n1}\n}'  # as protobuf can carry it
    await rooms.publish(who, f"thread:{thread['id']}", sent)
    await eventually(ear.heard)
    (heard,) = [data for offset, data in ear.heard() if offset]
    assert (heard["text"], heard["payload"]) == ("one\ntwo", {"a": 1})
    asked = b'{\n"thread_id":\n"%s"}' % thread["id"].encode()
    assert b"\n" not in ear.out + await rooms.call(who, "chat.history", asked)


async def test_without_a_thread_calls_are_about_ones_own_conversation(house: House, ada: Person) -> None:
    said = await ada.calls("chat.post", text="Is anybody there?")
    assert (await ada.calls("chat.history"))["messages"] == [said]
    assert await ada.says("Hello?") == (await ada.calls("chat.history"))["messages"][-1]
    operator = await house.person("Olga", role="operator")
    assert (await operator.calls("chat.history", user_id=str(ada.id)))["messages"][0] == said


async def test_whatever_is_told_has_a_declared_form(house: House, ada: Person, bob: Person) -> None:
    operator = await house.person("Olga", role="operator")
    name = f"r{ids.new().hex}"
    room, thread = await operator.opens("room", name=name), await ada.opens("group")
    ears = {
        "thread": await ada.listens(thread),
        "room": await bob.hears(f"room:{name}"),
        "user": await bob.hears(f"user:{bob.id}"),
        "inbox": await operator.hears("inbox"),
    }
    await ada.put(f"/chat/threads/{thread['id']}/members/{bob.id}", capability="post")
    for where, somebody in ((thread, ada), (room, operator)):
        await somebody.says("hello", where)
        await somebody.calls("chat.typing", thread_id=where["id"])
        await bob.calls("chat.read", thread_id=where["id"], number=1)
        await somebody.patch(f"/chat/threads/{where['id']}", subject="Tea")
    await ada.says("Is anybody there?")
    ada.house.chat.announcer.suspended(ids.new(), "it is gone")
    Herald(house.database, house.node.tell).notice(ids.new(), "Spring", "paused", "too many failed")
    ada.house.chat.announcer.drafting(UUID(thread["id"]), ids.new(), "Let me see")
    await eventually(lambda: news(ears["user"], "unread") and news(ears["inbox"], "thread"))
    await ada.delete(f"/chat/threads/{thread['id']}/members/{bob.id}")
    for kind, ear in ears.items():
        await eventually(partial(hears_all_that_is_declared, kind, ear))


def hears_all_that_is_declared(kind: str, ear: Ear) -> bool:
    """Whether every event of this kind of channel was heard; nothing else may have been, but messages."""
    declared = {event.__struct_config__.tag: event for event in HEARD[kind]}
    told = [data for offset, data in ear.heard() if not offset]
    for data in told:
        msgspec.convert(data, declared[data["type"]])
    assert {data["type"] for data in told} == set(declared)
    return True


async def test_a_call_that_is_not_there_names_those_that_are(ada: Person) -> None:
    with pytest.raises(Missing, match=r"chat\.post"):
        await ada.calls("chat.pots")


async def test_who_was_demoted_loses_the_inbox(house: House) -> None:
    admin = await house.person("Root", role="admin")
    operator = await house.person("Olga", role="operator")
    ear = await operator.hears("inbox")
    await admin.patch(f"/auth/users/{operator.id}", role="user")
    house.node.announce_review("inbox")
    await eventually(lambda: ear.expelled == [2000])


async def test_the_banned_the_signed_out_and_the_revoked_are_expelled(house: House, ada: Person, bob: Person) -> None:
    rooms = house.node.rooms
    admin = await house.person("Root", role="admin")
    eve = (await house.ask("POST", "/auth/guest", {"name": "Eve"})).telling()
    machine = await bob.post("/auth/tokens", name="script")
    tokens = [ada.token, bob.token, eve["access_token"], machine["token"]]
    people = [await rooms.sign_in(token) for token in tokens]
    assert await rooms.expelled(people) == []
    await admin.patch(f"/auth/users/{ada.id}", is_banned=True)
    assert list(await rooms.expelled(people)) == people[:1]
    await house.ask("POST", "/auth/logout", {"refresh_token": eve["refresh_token"]})
    await bob.delete(f"/auth/tokens/{machine['id']}")

    async def all_but_bob() -> bool:
        return list(await rooms.expelled(people)) == [people[0], people[2], people[3]]

    await eventually(all_but_bob)


async def test_a_token_keeps_its_ceiling_whatever_its_owner_becomes(house: House) -> None:
    root, owner = await house.person("Root", role="admin"), await house.person("Olga", role="operator")
    machine = await owner.post("/auth/tokens", name="script", role="user")
    rooms = house.node.rooms
    who = await rooms.sign_in(machine["token"])
    await root.patch(f"/auth/users/{owner.id}", role="admin")
    with pytest.raises(Missing):
        await rooms.join(who, "inbox")


async def test_posts_of_one_connection_keep_their_order(ada: Person) -> None:
    thread = await ada.opens("group")
    first = await ada.says("first", thread)
    rooms = ada.house.node.rooms
    who = await rooms.sign_in(ada.token)
    channel = f"thread:{thread['id']}"
    bodies = [{"text": str(number), "reply_to": first["id"] if number % 2 else None} for number in range(8)]
    await asyncio.gather(*(rooms.publish(who, channel, json.dumps(body).encode()) for body in bodies))
    assert await ada.words(thread) == ["first", *(body["text"] for body in bodies)]
