"""Two server processes, one conversation: over REST and over the stock Python SDK, across a restart of everything."""

from __future__ import annotations

import pytest
from centrifuge import ReplyError

from tests.fleet.listener import listening
from tests.fleet.server import Server, person, servers


async def _group(server: Server, token: str, *members: str) -> str:
    server.http.token = token
    answer = await server.http.call("POST", "/chat/threads", {"kind": "group", "members": list(members)})
    assert answer.status == 201, answer
    return str(answer.body["id"])


async def test_what_is_said_at_one_server_is_heard_at_the_other(fresh_database: str, redis_url: str) -> None:
    async with servers(fresh_database, redis_url, 2) as (here, there):
        (ada, _), (bob, bob_id), (eve, _) = [await person(here, name) for name in ("Ada", "Bob", "Eve")]
        thread = await _group(here, ada, bob_id)
        async with listening(here, ada, thread) as (adas, adas_ear), listening(there, bob, thread) as (bobs, bobs_ear):
            await here.http.call("POST", "/chat/send", {"thread_id": thread, "text": "over REST"})
            await bobs.publish({"text": "over the socket", "client_id": "1"})
            await adas.publish({"text": "and back"})
            for ear in (adas_ear, bobs_ear):
                await ear.hears("over REST", "over the socket", "and back")
                assert [message["offset"] for message in ear.heard] == [1, 2, 3]
            with pytest.raises(ReplyError, match="empty_text"):
                await bobs.publish({"text": " "})
        there.http.token = eve
        stranger = await there.http.call("GET", f"/chat/history?thread_id={thread}")
        assert stranger.status == 404
        for server in (here, there):
            assert await server.stop() == 0
            server.launch()
        for server in (here, there):
            await server.ready()
        page = await here.http.call("GET", f"/chat/history?thread_id={thread}")
        assert page.body["messages"] == bobs_ear.heard


async def test_a_listener_whose_server_dies_misses_nothing(fresh_database: str, redis_url: str) -> None:
    async with servers(fresh_database, redis_url, 2) as (here, there):
        (ada, _), (bob, bob_id) = await person(here, "Ada"), await person(here, "Bob")
        thread = await _group(here, ada, bob_id)
        async with listening(there, bob, thread) as (_, ear):
            await here.http.call("POST", "/chat/send", {"thread_id": thread, "text": "before"})
            await ear.hears("before")
            there.kill()
            await here.http.call("POST", "/chat/send", {"thread_id": thread, "text": "meanwhile"})
            there.launch()
            await there.ready()
            await here.http.call("POST", "/chat/send", {"thread_id": thread, "text": "after"})
            await ear.hears("before", "meanwhile", "after")
