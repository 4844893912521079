"""What happens in a thread reaches every endpoint, signed, whole and in order; what hangs holds up nobody else."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from server.hooks.constants import AT_ONCE, AT_ONCE_EACH, AT_ONCE_UNPROVEN
from tests.eventually import eventually
from tests.hooks.installation import Installation
from tests.hooks.receiver import Heard, Receiver, receiver

PATIENCE_SECONDS = 40.0
HANGING = 2 * AT_ONCE_UNPROVEN  # what the worker and the scheduler have under way to one endpoint
TRIES = 5


async def kinds(one: Receiver, *expected: str) -> None:
    """Return when exactly these were taken, in this order."""

    def are_there() -> bool:
        assert [heard.kind for heard in one.first()] == list(expected)
        return True

    await eventually(are_there, within=PATIENCE_SECONDS)


async def test_a_thread_is_told_in_order_and_signed(home: Installation) -> None:
    async with receiver() as one:
        endpoint = await home.endpoint(one.url("/crm"))
        message = await home.says("Where is my parcel?")
        path = f"/chat/message/{message['id']}"
        assert (await home.visitor.call("PATCH", path, {"text": "Where is my second parcel?"})).status == 200
        await home.says("Hello?")
        thread = f"/chat/threads/{message['thread_id']}"
        assert (await home.visitor.call("PATCH", thread, {"status": "archived"})).status == 200
        assert (await home.visitor.call("DELETE", path)).status < 300
        expected = ["thread.opened", "message.posted", "message.edited", "message.posted", "thread.changed"]
        await kinds(one, *expected, "message.deleted")
        assert all(heard.is_signed_by(endpoint["secret"]) and heard.path == "/crm" for heard in one.heard)
        assert one.first()[1].data["id"] == message["id"]
        assert one.first()[2].data["text"] == "Where is my second parcel?"
        assert len(one.heard) == 6, "nothing is told twice"
        assert [attempt["outcome"] for attempt in await home.log(endpoint)] == ["delivered"] * 6


async def test_only_what_was_asked_for_comes_and_nothing_from_before(home: Installation) -> None:
    async with receiver() as one, receiver() as other:
        first = await home.says("before")
        await home.endpoint(one.url(), kinds=["message.deleted"])
        await home.endpoint(other.url())
        await home.says("after", thread_id=first["thread_id"])
        await home.visitor.call("DELETE", f"/chat/message/{first['id']}")
        await kinds(other, "message.posted", "message.deleted")
        await kinds(one, "message.deleted")
        assert one.first()[0].data["deleted_at"] is not None


async def test_a_receiver_that_fails_at_random_hears_each_thread_in_order(home: Installation) -> None:
    chance = random.Random(11)

    def moody(_: Heard) -> int:
        return 500 if chance.random() < 0.2 else 200

    async with receiver(moody) as one:
        await home.endpoint(one.url(), kinds=["message.posted"])
        threads = [await home.ask("POST", "/chat/threads", {"kind": "room", "name": f"r{n}"}) for n in range(4)]
        sent = [
            (await home.says(f"{number}", thread_id=thread["id"]))["id"] for number in range(6) for thread in threads
        ]
        await eventually(lambda: len(one.first()) == len(sent), within=PATIENCE_SECONDS)
        assert {heard.data["id"] for heard in one.first()} == set(sent)
        lanes = defaultdict(list)
        for heard in one.taken:
            lanes[heard.data["thread_id"]].append(int(heard.data["text"]))
        assert all(numbers == list(range(6)) for numbers in lanes.values())


async def test_an_endpoint_that_hangs_delays_no_other(home: Installation) -> None:
    async with receiver(lambda _: "hang") as slow, receiver() as quick:
        await home.endpoint(slow.url(), kinds=["thread.opened"])
        await home.endpoint(quick.url(), kinds=["message.posted"])
        for number in range(HANGING + AT_ONCE_EACH):
            await home.ask("POST", "/chat/threads", {"kind": "room", "name": f"r{number}"})
        await delays_nobody(home, slow, HANGING, quick)


@pytest.mark.timeout(300)
async def test_however_many_endpoints_hang_the_others_hear_at_once(home: Installation) -> None:
    many = AT_ONCE // AT_ONCE_EACH + 10  # with as much as one that answers may have, these had everything
    async with receiver(lambda _: "hang") as slow, receiver() as quick:
        for number in range(many):
            await home.endpoint(slow.url(f"/{number}"), kinds=["thread.opened"])
        await home.endpoint(quick.url(), kinds=["message.posted"])
        for number in range(AT_ONCE_EACH):
            await home.ask("POST", "/chat/threads", {"kind": "room", "name": f"r{number}"})
        await delays_nobody(home, slow, many, quick)


async def delays_nobody(home: Installation, slow: Receiver, hanging: int, quick: Receiver) -> None:
    """What comes for one is posted, sent and taken while every one of so many requests to the other still hangs."""
    for _ in range(TRIES):  # a slow machine may need longer than requests hang
        await eventually(lambda: len(slow.heard) - slow.ended >= hanging, within=PATIENCE_SECONDS)
        ended, told = slow.ended, len(quick.taken)
        await home.says("now")
        await eventually(lambda: len(quick.taken) > told, within=PATIENCE_SECONDS)  # noqa: B023
        if slow.ended == ended:
            return
    pytest.fail("what came for one endpoint was never taken while all requests to the other one hung")


async def test_the_answer_of_a_receiver_stands_in_the_log(home: Installation) -> None:
    async with receiver(lambda _: 418) as one:
        one.headers, one.text = "retry-after: 3600\r\n", "I am a teapot " * 200
        endpoint = await home.endpoint(one.url(), kinds=["message.posted"])
        message = await home.says("tea?")
        (attempt,) = await eventually(lambda: home.log(endpoint), within=PATIENCE_SECONDS)
        assert attempt["status"] == 418
        assert attempt["outcome"] == "failed"
        assert attempt["answer"].startswith("I am a teapot")
        assert len(attempt["answer"]) == 1024
        assert message["id"] in attempt["request"]
        await home.says("more tea?")
        assert len(await home.log(endpoint)) == 1, "it asked for an hour"
