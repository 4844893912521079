"""What is old is removed, whoever was away is told so, and what is left counts right."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.test_erasure import SLOW, member, rows
from tests.eventually import eventually
from tests.fleet.server import Server, helper, person, servers
from tests.sdk.driver import pythonic

INSTANTLY = {"MESSAGE_DAYS": "0.00001", "GUEST_DAYS": "0.00001"}  # a second


async def gone(server: Server, database: str, table: str = "messages") -> None:
    """Let the old be removed by two schedulers at once."""
    with helper(server, "schedule"), helper(server, "schedule"):

        async def is_empty() -> bool:
            return not await rows(database, f"SELECT FROM {table} LIMIT 1")

        assert await eventually(is_empty, within=SLOW)


async def test_who_was_away_is_told_that_what_they_missed_is_gone(fresh_database: str, redis_url: str) -> None:
    async with servers(fresh_database, redis_url, 1, **INSTANTLY) as (server,):
        ada, bob = await member(server, fresh_database), await member(server, fresh_database, "Bob")
        group = (await ada.told("POST", "/chat/threads", {"kind": "group", "members": [bob.id]}))["id"]
        channel = f"thread:{group}"
        async with pythonic() as client:
            await client.enters(server.socket_url, bob.token, channel)
            await ada.says(group, "seen")
            await eventually(lambda: len(client.heard(channel)) == 1)
            assert client.client is not None
            await client.client.disconnect()
            for number in range(5):
                await ada.says(group, f"missed {number}")
            await gone(server, fresh_database)
            await client.client.connect()
            await eventually(lambda: len(client.seen("subscribed", channel=channel)) == 2)
            assert [each["recovered"] for each in client.seen("subscribed", channel=channel)] == [False, False]
            await client.client.disconnect()
            await ada.says(group, "new")
            await client.client.connect()
            await eventually(lambda: len(client.heard(channel)) == 2)
            assert client.seen("subscribed", channel=channel)[-1]["recovered"], "above the floor all is there"
            assert client.heard(channel)[-1][0] == 7


async def test_pages_and_counters_end_at_what_is_left(fresh_database: str, redis_url: str) -> None:
    async with servers(fresh_database, redis_url, 1, **INSTANTLY) as (server,):
        ada, bob = await member(server, fresh_database), await member(server, fresh_database, "Bob")
        group = (await ada.told("POST", "/chat/threads", {"kind": "group", "members": [bob.id]}))["id"]
        said = [await ada.says(group, f"old {number}") for number in range(5)]
        await ada.told("PATCH", f"/chat/message/{said[0]['id']}", {"text": "reworded"})
        await gone(server, fresh_database)
        assert await rows(fresh_database, "SELECT FROM revisions") == []
        assert await rows(fresh_database, "SELECT FROM search_texts") == []
        thread: Any = await bob.told("GET", f"/chat/threads/{group}")
        assert (thread["posted"], thread["unread"], thread["last_message"]) == (5, 0, None)
        for number in (6, 7):
            assert (await ada.says(group, "new"))["number"] == number
        assert (await bob.told("GET", f"/chat/threads/{group}"))["unread"] == 2
        marked = await bob.told("POST", f"/chat/threads/{group}/read", {"number": 1})
        assert marked == {"number": 5, "unread": 2}
        page = await bob.told("GET", f"/chat/history?thread_id={group}&limit=2")
        assert ([each["number"] for each in page["messages"]], page["before"]) == ([6, 7], None)
        assert (await ada.ask("GET", f"/chat/message/{said[0]['id']}")).status == 404


@pytest.mark.parametrize("spoke", [False, True])
async def test_a_guest_whose_session_is_over_goes_unless_they_spoke(
    spoke: bool, fresh_database: str, redis_url: str
) -> None:
    async with servers(fresh_database, redis_url, 1, GUEST_DAYS="0.00001") as (server,):
        server.http.token = None
        keys = (await server.http.call("POST", "/auth/guest", {"name": "Gone"})).body
        await person(server, "Here")
        if spoke:
            server.http.token = keys["access_token"]
            assert (await server.http.call("POST", "/chat/send", {"text": "I was here"})).status == 201
        await server.http.call("POST", "/auth/logout", {"refresh_token": keys["refresh_token"]})
        with helper(server, "schedule"):

            async def names() -> set[str]:
                return {row[0] for row in await rows(fresh_database, "SELECT name FROM users WHERE is_guest")}

            async def is_told() -> bool:
                return await names() == ({"Gone", "Here"} if spoke else {"Here"})

            assert await eventually(is_told, within=SLOW)
