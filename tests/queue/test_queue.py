"""What servers say to the workers: at once, once, and whatever happens they go on speaking."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from server import metrics, queue
from server.chat.tasks import IndexMessages
from server.embedded.valkey import Valkey
from server.queue import Queue, Task
from server.stream import DATA, ENTRIES, STREAM
from server.valkey import connect
from tests.eventually import TIME_UNIT
from tests.eventually import eventually as soon
from tests.queue.orders import Wait

ROUNDS = 100
LONG_SECONDS = 600.0

eventually = partial(soon, within=20.0)


class Odd(Task):
    """Something that cannot be written down."""

    what: object


@asynccontextmanager
async def speaking(url: str, *, entries: int = ENTRIES) -> AsyncIterator[tuple[Queue, Any]]:
    talking = Queue(url, entries=entries)
    await talking.open()
    async with connect(url) as client:
        yield talking, client
    await talking.close()


async def rows(client: Any) -> list[int]:
    """What was said, in order."""
    return [json.loads(fields[DATA])["kwargs"].get("row", -1) for _, fields in await client.xrange(STREAM)]


async def test_it_closes_in_the_middle_of_a_sentence(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "REST_SECONDS", 0.0)
    for _ in range(ROUNDS):
        talking = Queue(redis_url)
        await talking.open()

        async def talk(to: Queue = talking) -> None:
            while True:
                to.say(IndexMessages())
                await asyncio.sleep(0)

        chatter = asyncio.create_task(talk())
        await asyncio.sleep(random.uniform(0.0, 0.03))
        async with asyncio.timeout(20 * TIME_UNIT):
            await talking.close()
        chatter.cancel()


async def test_a_task_leaves_at_once_and_its_repetition_once_later(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "REST_SECONDS", LONG_SECONDS)
    async with speaking(valkey.url) as (talking, client):
        for row in range(50):
            talking.say(Wait(row=row))
            talking.say(Wait(row=0))
            await eventually(lambda: client.xlen(STREAM))
        await eventually(lambda: _is(client, list(range(50))))
    monkeypatch.undo()
    async with speaking(valkey.url) as (talking, client):
        await client.delete(STREAM)
        talking.say(IndexMessages())
        await eventually(lambda: client.xlen(STREAM))
        for _ in range(10):
            talking.say(IndexMessages())
            await asyncio.sleep(0)
        await eventually(lambda: _is(client, [-1, -1]))


async def test_what_cannot_be_said_silences_nothing_that_follows(valkey: Valkey) -> None:
    async with speaking(valkey.url) as (talking, client):
        talking.say(Odd(what=object()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        talking.say(Wait(row=1))
        await eventually(lambda: _is(client, [1]))


async def test_what_is_said_while_redis_is_away_is_said_when_it_is_back(valkey: Valkey) -> None:
    async with speaking(valkey.url) as (talking, client):
        valkey.kill()
        for row in range(100):
            talking.say(Wait(row=row))
        valkey.start()
        await eventually(lambda: _is(client, list(range(100))))


async def test_a_full_stream_takes_no_more_and_forgets_nothing(valkey: Valkey) -> None:
    async with speaking(valkey.url, entries=2) as (talking, client):
        dropped = metrics.tasks_dropped._value.get()
        for row in range(2):
            talking.say(Wait(row=row))
            await eventually(lambda: _is(client, list(range(row + 1))))  # noqa: B023
        talking.say(Wait(row=2))
        await eventually(lambda: metrics.tasks_dropped._value.get() == dropped + 1)
        assert await rows(client) == [0, 1]
        await client.xtrim(STREAM, maxlen=0)
        talking.say(Wait(row=3))
        await eventually(lambda: _is(client, [3]))


async def _is(client: Any, wanted: list[int]) -> bool:
    return await rows(client) == wanted
