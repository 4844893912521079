"""Two server processes, one conversation: over REST and over both stock SDKs, across the death of servers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.eventually import eventually
from tests.fleet.server import Server, person, servers
from tests.sdk.driver import EVERY_SDK, Enter, Person, Refused, pythonic

PATIENCE_SECONDS = 20.0


async def _group(server: Server, token: str, *members: str) -> str:
    server.http.token = token
    answer = await server.http.call("POST", "/chat/threads", {"kind": "group", "members": list(members)})
    assert answer.status == 201, answer
    return str(answer.body["id"])


async def _say(server: Server, thread: str, text: str) -> None:
    answer = await server.http.call("POST", "/chat/send", {"thread_id": thread, "text": text})
    assert answer.status == 201, answer


async def _hears(someone: Person, thread: str, *texts: str) -> None:
    """Return when exactly this was heard, at contiguous offsets, in this order."""
    wanted = list(enumerate(texts, 1))

    def all_of_it() -> bool:
        assert [(offset, data["text"]) for offset, data in someone.heard(f"thread:{thread}")] == wanted
        return True

    assert await eventually(all_of_it, within=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
async def pair(database_url: str, redis_url: str) -> AsyncIterator[list[Server]]:
    """Two servers of one installation, for the tests of this file that leave them running."""
    async with servers(database_url, redis_url, 2) as both:
        yield both


@pytest.mark.parametrize("sdk", EVERY_SDK)
async def test_what_is_said_at_one_server_is_heard_at_the_other(pair: list[Server], sdk: Enter) -> None:
    here, there = pair
    (ada, _), (bob, bob_id), (eve, _) = [await person(here, name) for name in ("Ada", "Bob", "Eve")]
    thread = await _group(here, ada, bob_id)
    channel = f"thread:{thread}"
    async with pythonic() as adas, sdk() as bobs:
        await adas.enters(here.socket_url, ada, channel)
        await bobs.enters(there.socket_url, bob, channel)
        await _say(here, thread, "over REST")
        await bobs.publish(channel, {"text": "over the socket", "client_id": "1"})
        answer = await bobs.rpc("chat.post", {"thread_id": thread, "text": "by call"})
        assert (answer["number"], answer["offset"]) == (3, 3)
        for someone in (adas, bobs):
            await _hears(someone, thread, "over REST", "over the socket", "by call")
        with pytest.raises(Refused, match="empty_text"):
            await bobs.publish(channel, {"text": " "})
        page = await here.http.call("GET", f"/chat/history?thread_id={thread}")
        assert page.body["messages"] == [data for _, data in bobs.heard(channel)]
    there.http.token = eve
    assert (await there.http.call("GET", f"/chat/history?thread_id={thread}")).status == 404


@pytest.mark.parametrize("sdk", EVERY_SDK)
async def test_a_listener_whose_server_dies_misses_nothing(fresh_database: str, redis_url: str, sdk: Enter) -> None:
    async with servers(fresh_database, redis_url, 2) as (here, there), sdk() as bobs:
        (ada, _), (bob, bob_id) = await person(here, "Ada"), await person(here, "Bob")
        thread = await _group(here, ada, bob_id)
        await bobs.enters(there.socket_url, bob, f"thread:{thread}")
        await _say(here, thread, "before")
        await _hears(bobs, thread, "before")
        there.kill()
        await _say(here, thread, "meanwhile")
        there.launch()
        await there.ready()
        await _say(here, thread, "after")
        await _hears(bobs, thread, "before", "meanwhile", "after")


async def test_everything_is_still_there_after_a_restart_of_all(fresh_database: str, redis_url: str) -> None:
    async with servers(fresh_database, redis_url, 2) as both:
        here, there = both
        ada, _ = await person(here, "Ada")
        thread = await _group(here, ada)
        await _say(here, thread, "kept")
        before = await here.http.call("GET", f"/chat/history?thread_id={thread}")
        for server in both:
            assert await server.stop() == 0
            server.launch()
        for server in both:
            await server.ready()
        there.http.token = ada
        after = await there.http.call("GET", f"/chat/history?thread_id={thread}")
        assert after.body["messages"][0] | {"language": None} == before.body["messages"][0] | {"language": None}
