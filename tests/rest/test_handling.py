"""Who looks after a support thread: taken, given back, handed on; and operators hear of those that wait."""

from __future__ import annotations

from uuid import UUID

import pytest

from server.chat import handling
from tests.eventually import eventually
from tests.rest.house import House, Person
from tests.rest.test_news import news


@pytest.fixture
async def ada(house: House) -> Person:
    return await house.person("Ada")


@pytest.fixture
async def olga(house: House) -> Person:
    return await house.person("Olga", role="operator")


async def handler(person: Person, thread: str) -> str | None:
    found: str | None = (await person.get(f"/chat/threads/{thread}"))["handled_by"]
    return found


async def call_person(house: House, thread: str) -> None:
    async with house.database.transaction() as tx:
        await handling.call_person(tx, house.chat.announcer, UUID(thread))


async def test_a_thread_is_taken_once_handed_on_and_given_back(house: House, ada: Person, olga: Person) -> None:
    otto = await house.person("Otto", role="admin")
    path = f"/chat/threads/{(await ada.says('help'))['thread_id']}"
    assert (await olga.post(f"{path}/take"))["handled_by"] == str(olga.id)
    assert (await olga.post(f"{path}/take"))["handled_by"] == str(olga.id)
    assert str(await otto.ask("POST", f"{path}/take")) == "409 taken_already"
    assert (await otto.post(f"{path}/transfer", user_id=str(otto.id)))["handled_by"] == str(otto.id)
    assert str(await otto.ask("POST", f"{path}/transfer", {"user_id": str(ada.id)})) == "422 not_an_operator"
    nobody = {"user_id": "01900000-0000-7000-8000-000000000000"}
    assert str(await otto.ask("POST", f"{path}/transfer", nobody)) == "422 no_such_user"
    assert (await olga.post(f"{path}/release"))["handled_by"] is None


async def test_over_the_socket_it_is_the_same(ada: Person, olga: Person) -> None:
    thread = (await ada.says("help"))["thread_id"]
    assert (await olga.calls("chat.take", thread_id=thread))["handled_by"] == str(olga.id)
    assert (await olga.calls("chat.release", thread_id=thread))["handled_by"] is None
    assert (await olga.calls("chat.transfer", thread_id=thread, user_id=str(olga.id)))["handled_by"] == str(olga.id)


async def test_only_operators_look_after_threads_and_only_after_support(
    house: House, ada: Person, olga: Person
) -> None:
    path = f"/chat/threads/{(await ada.says('help'))['thread_id']}"
    for verb, body in (("take", None), ("release", None), ("transfer", {"user_id": str(olga.id)})):
        assert str(await ada.ask("POST", f"{path}/{verb}", body)) == "403 operators_only"
        assert str(await (await house.person()).ask("POST", f"{path}/{verb}", body)) == "404 no_such_thread"
    group = await olga.opens("group")
    assert str(await olga.ask("POST", f"/chat/threads/{group['id']}/take")) == "409 kind_not_handled"


@pytest.mark.parametrize("door", ["rest", "socket"])
async def test_an_operator_who_speaks_takes_a_free_thread(ada: Person, olga: Person, door: str) -> None:
    thread = (await ada.says("help"))["thread_id"]
    await olga.get("/chat/history", thread_id=thread)
    if door == "rest":
        await olga.says("Here I am", {"id": thread})
    else:
        rooms = olga.house.node.rooms
        who = await rooms.sign_in(olga.token)
        await rooms.publish(who, f"thread:{thread}", b'{"text": "Here I am", "client_id": "1"}')
    assert await handler(ada, thread) == str(olga.id)


async def test_an_operator_with_a_question_of_their_own_does_not_take_it(olga: Person) -> None:
    assert await handler(olga, (await olga.says("How do I change my password?"))["thread_id"]) is None


async def test_what_waits_for_a_person_is_told_to_the_inbox_and_listed_until_it_is_taken(
    house: House, ada: Person, olga: Person
) -> None:
    thread = (await ada.says("help"))["thread_id"]
    inbox = await olga.hears("inbox")
    await call_person(house, thread)

    async def waiting() -> list[str]:
        page = await olga.get("/chat/threads", waiting=True, limit=100)
        return [one["id"] for one in page["threads"]]

    assert thread in await waiting()
    since = (await ada.get(f"/chat/threads/{thread}"))["waiting_since"]
    told = await eventually(lambda: [one for one in news(inbox, "thread", thread_id=thread) if one["waiting_since"]])
    assert told[-1]["waiting_since"] == since
    await call_person(house, thread)
    assert (await ada.get(f"/chat/threads/{thread}"))["waiting_since"] == since, "who waits keeps their place"
    await olga.post(f"/chat/threads/{thread}/take")
    assert thread not in await waiting()
    await call_person(house, thread)
    assert thread not in await waiting(), "who has a person needs no other"


async def test_a_settled_thread_is_nobodys(ada: Person, olga: Person) -> None:
    thread = (await ada.says("help"))["thread_id"]
    await olga.post(f"/chat/threads/{thread}/take")
    await olga.patch(f"/chat/threads/{thread}", status="archived")
    assert await handler(olga, thread) is None


async def test_what_an_operator_looks_after_is_theirs_in_the_list(ada: Person, olga: Person) -> None:
    thread = (await ada.says("help"))["thread_id"]
    assert (await olga.get("/chat/threads", mine=True))["threads"] == []
    await olga.post(f"/chat/threads/{thread}/take")
    assert [each["id"] for each in (await olga.get("/chat/threads", mine=True))["threads"]] == [thread]
    await olga.post(f"/chat/threads/{thread}/release")
    assert (await olga.get("/chat/threads", mine=True))["threads"] == []
