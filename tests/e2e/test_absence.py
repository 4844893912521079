"""Somebody away while twenty thousand messages were posted comes back and gets them all, in order, once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from server import ids
from tests.chat.writing import draft, journals
from tests.eventually import eventually
from tests.fleet.server import Server, person, servers
from tests.sdk.driver import Pythonic, pythonic

MISSED = 20_000
AT_ONCE = 1_000
LATER = 100
PATIENCE_SECONDS = 60.0


async def _post(server: Server, thread: str, text: str) -> None:
    answer = await server.http.call("POST", "/chat/send", {"thread_id": thread, "text": text})
    assert answer.status == 201, answer


async def _post_many(database_url: str, thread: str) -> None:
    """As a third server would whose news nobody hears."""
    author = ids.new()
    async with journals(database_url) as ((journal,), _):
        for start in range(0, MISSED, AT_ONCE):
            drafts = [draft(UUID(thread), f"{start + n}", author=author) for n in range(AT_ONCE)]
            await asyncio.gather(*(journal.post(each) for each in drafts))


async def _hears(client: Pythonic, channel: str, texts: Sequence[str]) -> None:
    """Return when exactly this was heard, at contiguous offsets, in this order."""
    await eventually(lambda: len(client.events) > len(texts), within=PATIENCE_SECONDS)  # spares the costlier question
    await eventually(lambda: len(client.heard(channel)) >= len(texts), within=PATIENCE_SECONDS)
    assert [(offset, data["text"]) for offset, data in client.heard(channel)] == list(enumerate(texts, 1))


async def test_who_was_away_gets_twenty_thousand_messages(fresh_database: str, redis_url: str) -> None:
    async with (
        servers(fresh_database, redis_url, 2) as (here, there),
        pythonic("json") as bob,
        pythonic("protobuf") as eve,
    ):
        token, _ = await person(here)
        here.http.token = token
        thread = (await here.http.call("POST", "/chat/threads", {"kind": "room", "name": "busy"})).body["id"]
        channel = f"thread:{thread}"
        for client in (bob, eve):
            await client.enters(there.socket_url, token, channel)
        await _post(here, thread, "before")
        for client in (bob, eve):
            await _hears(client, channel, ["before"])
            await client.leave()
        await _post_many(fresh_database, thread)
        for client in (bob, eve):
            assert client.client is not None
            await client.client.connect()
        for number in range(LATER):  # people go on while they catch up
            await _post(here, thread, f"after {number}")
        texts = ["before", *map(str, range(MISSED)), *(f"after {number}" for number in range(LATER))]
        for client in (bob, eve):
            await _hears(client, channel, texts)
            assert [each["recovered"] for each in client.seen("subscribed")] == [False, True]
