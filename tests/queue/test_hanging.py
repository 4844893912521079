"""A task that hangs is cut like one that failed: it does not keep a hand for ever."""

from __future__ import annotations

import asyncio

from server.embedded.valkey import Valkey
from server.queue import Queue
from server.stream import GROUP, STREAM
from tests.eventually import eventually
from tests.queue.orders import Wait
from workers.carrier import Carrier
from workers.intake import Intake

LEASE_SECONDS = 1.0
LONGEST_SECONDS = 0.2


async def test_a_task_that_hangs_is_cut_and_tried_again(valkey: Valkey) -> None:
    intake, queue, stopped = (
        Intake(valkey.url, at_once=1, lease_seconds=LEASE_SECONDS),
        Queue(valkey.url),
        asyncio.Event(),
    )
    tries: list[int] = []

    async def wait(row: int, seconds: float) -> None:
        tries.append(row)
        if tries.count(row) == 1:
            await asyncio.sleep(seconds)

    intake.register_task(wait, "Wait")
    await intake.startup()
    await queue.open()
    carrier = Carrier(intake, 1, longest_seconds=LONGEST_SECONDS)
    listening = asyncio.create_task(carrier.listen(stopped))
    queue.say(Wait(row=1, seconds=10_000.0))

    async def is_done() -> bool:
        assert tries == [1, 1]
        pending = await intake.client.xpending(STREAM, GROUP)
        return int(await intake.client.xlen(STREAM)) == 0 == int(pending["pending"])

    await eventually(is_done, within=20.0)
    intake.stop_taking()
    stopped.set()
    await listening
    await intake.shutdown()
    await queue.close()
