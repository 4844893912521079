"""A worker on its own: through our intake or through taskiq-redis as it comes. Both carry out the same function."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import uvloop
from taskiq.receiver import Receiver
from taskiq_redis import RedisStreamBroker

from server.stream import GROUP, STREAM
from server.valkey import connect
from tests.eventually import eventually
from workers.carrier import AT_ONCE, Carrier
from workers.intake import Intake

STOCK_STREAM = "stock"
STOCK_GROUP = "taskiq"


@dataclass(frozen=True, slots=True)
class Carry:
    """Carry out so many tasks, ours or theirs; the answer comes when Redis was told of all of them."""

    is_ours: bool
    url: str
    count: int


@dataclass(frozen=True, slots=True)
class Carried:
    """When each row began, counted from 0, on the machine's clock, and what all of it took from the first one on."""

    began: Sequence[float]
    seconds: float
    cpu_seconds: float


class Hands:
    """The function that is carried out: it looks at the clock."""

    def __init__(self, count: int) -> None:
        self.began = array("d", bytes(8 * count))  # of all rows from the start: memory is measured, too
        self.cpu_seconds = 0.0
        self.all = asyncio.Event()
        self._left = count

    async def carry(self, row: int) -> None:
        if self._left == len(self.began):
            self.cpu_seconds = time.process_time()
        assert not self.began[row], "carried out twice"
        self.began[row] = time.monotonic()
        self._left -= 1
        if not self._left:
            self.all.set()


async def carry(asked: Carry) -> Carried:
    """One worker, for as long as there is something to do."""
    hands, stopped = Hands(asked.count), asyncio.Event()
    broker: Any = (
        Intake(asked.url, at_once=AT_ONCE)
        if asked.is_ours
        else RedisStreamBroker(asked.url, queue_name=STOCK_STREAM, consumer_id="0")
    )

    async def note(row: int) -> None:
        await hands.carry(row)

    broker.register_task(note, "Note")
    await broker.startup()
    receiver = Carrier(broker) if asked.is_ours else Receiver(broker, max_async_tasks=AT_ONCE, run_startup=False)
    listening = asyncio.create_task(receiver.listen(stopped))
    await hands.all.wait()
    stream, group = (STREAM, GROUP) if asked.is_ours else (STOCK_STREAM, STOCK_GROUP)
    async with connect(asked.url) as client:

        async def is_told() -> bool:
            pending = await client.xpending(stream, group)
            return int(pending["pending"]) == 0

        await eventually(is_told)
    seconds, cpu = time.monotonic() - min(hands.began), time.process_time() - hands.cpu_seconds
    if asked.is_ours:
        broker.stop_taking()
    stopped.set()
    await listening
    await broker.shutdown()
    return Carried(hands.began, seconds, cpu)


def work(pipe: Connection) -> None:
    """What `Aside` asks for."""
    while True:
        pipe.send(uvloop.run(carry(pipe.recv())))
