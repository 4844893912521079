"""The way to the workers ends when its process ends, in whatever it is."""

from __future__ import annotations

import asyncio
import random

import pytest

from server import queue
from server.chat.tasks import IndexMessages
from server.queue import Queue
from tests.eventually import TIME_UNIT

ROUNDS = 100


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
