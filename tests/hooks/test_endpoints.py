"""Endpoints over REST: for admins alone, with secrets that rotate, a test, a replay, and no loss while suspended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from centrifuge import Client, SubscriptionEventHandler
from centrifuge.contexts import PublicationContext
from typing_extensions import override

from tests.eventually import eventually
from tests.hooks.installation import Installation, installation
from tests.hooks.receiver import Heard, Receiver, receiver

PATIENCE_SECONDS = 40.0


class Inbox(SubscriptionEventHandler):
    """What the operators hear, but lines of threads."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    @override
    async def on_publication(self, ctx: PublicationContext) -> None:
        if ctx.pub.data["type"] != "thread":
            self.heard.append(ctx.pub.data)


@asynccontextmanager
async def inbox(home: Installation) -> AsyncIterator[Inbox]:
    """The admin listens."""
    client, one = Client(home.server.socket_url, token=home.admin.token or ""), Inbox()
    subscription = client.new_subscription("inbox", one)
    await client.connect()
    await subscription.subscribe()
    await subscription.ready(PATIENCE_SECONDS)
    try:
        yield one
    finally:
        await client.disconnect()


def texts(one: Receiver) -> list[str]:
    """What was said in all that was heard, taken or not."""
    return [heard.data["text"] for heard in one.heard]


async def hears(one: Receiver, text: str) -> None:
    """Return when this was heard."""
    await eventually(lambda: text in texts(one), within=PATIENCE_SECONDS)


async def all_taken(home: Installation, endpoint: Any, count: int) -> bool:
    """Whether so many attempts are in the log; AssertionError when one more is there, or one of them failed."""
    outcomes = [attempt["outcome"] for attempt in await home.log(endpoint)]
    assert outcomes == ["delivered"] * len(outcomes)
    assert len(outcomes) <= count
    return len(outcomes) == count


async def test_only_admins_and_only_good_targets(home: Installation) -> None:
    assert (await home.visitor.call("GET", "/hooks")).status == 403
    for url in ("ftp://example.com/", "http://10.0.0.1/", "http://[::1]/", "http://169.254.169.254/"):
        answer = await home.admin.call("POST", "/hooks", {"url": url})
        assert (answer.status, answer.body["code"]) == (422, "url_refused")
    made = await home.endpoint("https://crm.example.com/", kinds=["message.posted"], description="CRM")
    assert made["secret"].startswith("whsec_")
    read = await home.ask("GET", f"/hooks/{made['id']}")
    assert "secret" not in read
    assert read["waiting"] == 0
    changed = await home.ask("PATCH", f"/hooks/{made['id']}", {"kinds": ["*"]})
    assert changed["kinds"] == ["*"]
    assert [one["id"] for one in await home.ask("GET", "/hooks")] == [made["id"]]
    await home.ask("DELETE", f"/hooks/{made['id']}")
    assert (await home.admin.call("GET", f"/hooks/{made['id']}")).body["code"] == "no_such_endpoint"


async def test_a_test_event_says_what_came_back(home: Installation) -> None:
    async with receiver(lambda _: 302) as one:
        one.headers = "location: http://169.254.169.254/\r\n"
        endpoint = await home.endpoint(one.url())
        rotated = await home.ask("POST", f"/hooks/{endpoint['id']}/secret", {})
        told = await home.ask("POST", f"/hooks/{endpoint['id']}/test")
        assert (told["status"], told["is_taken"], told["answer"]) == (302, False, "thank you")
        (heard,) = one.heard
        assert heard.kind == "hooks.test"
        assert heard.is_signed_by(endpoint["secret"])
        assert heard.is_signed_by(rotated["secret"])
        alone = await home.ask("POST", f"/hooks/{endpoint['id']}/secret", {"drop_others": True})
        await home.ask("POST", f"/hooks/{endpoint['id']}/test")
        assert one.heard[1].is_signed_by(alone["secret"])
        assert len(one.heard[1].signatures) == 1
        assert [attempt["outcome"] for attempt in await home.log(endpoint)] == ["test", "test"]


async def test_a_name_that_leads_inside_is_refused_when_it_is_resolved(fresh_database: str, redis_url: str) -> None:
    async with installation(fresh_database, redis_url, WEBHOOK_ALLOW_PRIVATE="") as home, receiver() as one:
        for host in ("localhost", "2130706433", "127.1"):
            endpoint = await home.endpoint(f"http://{host}:{one.port}/")
            told = await home.ask("POST", f"/hooks/{endpoint['id']}/test")
            assert told["status"] is None
            assert ("open internet" in told["answer"]) is (host == "localhost"), "the others are no addresses at all"
        assert one.heard == []


async def test_a_request_under_way_is_not_sent_again_by_suspending_and_resuming(home: Installation) -> None:
    async with receiver() as one:
        endpoint = await home.endpoint(one.url(), kinds=["message.posted"])
        opened = [await home.ask("POST", "/chat/threads", {"kind": "room", "name": f"r{n}"}) for n in range(4)]
        await home.says("3", thread_id=opened[3]["id"])  # who took one in time is asked for several at once
        await eventually(lambda: home.log(endpoint), within=PATIENCE_SECONDS)
        one.is_open.clear()
        await home.says("0", thread_id=opened[0]["id"])
        await hears(one, "0")
        for is_suspended in (True, False):
            await home.ask("PATCH", f"/hooks/{endpoint['id']}", {"is_suspended": is_suspended})
        for number in (1, 2):  # whoever claims these sees the first lane, too
            await home.says(f"{number}", thread_id=opened[number]["id"])
            await hears(one, f"{number}")
        one.is_open.set()
        await eventually(lambda: len(one.taken) == 4, within=PATIENCE_SECONDS)
        assert texts(one) == ["3", "0", "1", "2"]
        assert await eventually(partial(all_taken, home, endpoint, 4), within=PATIENCE_SECONDS)


async def test_what_failed_before_an_endpoint_was_resumed_counts_no_more(fresh_database: str, redis_url: str) -> None:
    answers = [500, 500]
    async with (
        installation(fresh_database, redis_url, WEBHOOK_GIVE_UP_SECONDS="0.5") as home,
        receiver(lambda _: answers.pop() if answers else 200) as one,
    ):
        endpoint = await home.endpoint(one.url(), kinds=["message.posted"])
        await home.says("0")
        await eventually(lambda: len(one.heard) == 1, within=PATIENCE_SECONDS)
        one.is_open.clear()
        await eventually(lambda: len(one.heard) == 2, within=PATIENCE_SECONDS)  # the second failure would be the end
        for is_suspended in (True, False):
            await home.ask("PATCH", f"/hooks/{endpoint['id']}", {"is_suspended": is_suspended})
        one.is_open.set()
        await eventually(lambda: len(one.taken) == 1, within=PATIENCE_SECONDS)


@pytest.mark.parametrize("status", [410, 500])
async def test_a_dead_endpoint_is_suspended_and_resumed_with_nothing_missing(
    status: int, fresh_database: str, redis_url: str
) -> None:
    answers = [status]

    def as_told(_: Heard) -> int:
        return answers[0]

    settings = {"WEBHOOK_GIVE_UP_SECONDS": "0.5"}
    async with (
        installation(fresh_database, redis_url, **settings) as home,
        receiver(as_told) as one,
        inbox(home) as operators,
    ):
        endpoint = await home.endpoint(one.url(), kinds=["message.posted"])
        address = f"/hooks/{endpoint['id']}"
        sent = [(await home.says(f"{number}"))["id"] for number in range(5)]

        async def is_suspended() -> bool:
            return (await home.ask("GET", address))["suspended_why"] is not None

        await eventually(is_suspended, within=PATIENCE_SECONDS)
        found = await home.ask("GET", address)
        assert found["waiting"] == 5
        notice = {"type": "suspended", "endpoint_id": endpoint["id"], "why": found["suspended_why"]}
        await eventually(lambda: operators.heard == [notice], within=PATIENCE_SECONDS)
        answers[0] = 200
        await home.ask("PATCH", address, {"is_suspended": False})
        await eventually(lambda: len(one.first()) == 5, within=PATIENCE_SECONDS)
        assert [heard.data["id"] for heard in one.taken] == sent
        again = await home.ask("POST", f"{address}/replay", {"event_id": sent[1]})
        assert again == {"events": 1, "next": None}
        await eventually(lambda: len(one.taken) == 6, within=PATIENCE_SECONDS)
        assert one.taken[5].id == one.taken[1].id
        assert (await home.ask("POST", f"{address}/replay", {"since": "2020-01-01T00:00:00Z"}))["events"] == 5
        await eventually(lambda: len(one.taken) == 11, within=PATIENCE_SECONDS)
        assert [heard.body for heard in one.taken[6:]] == [heard.body for heard in one.taken[:5]]
