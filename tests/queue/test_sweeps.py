"""Every duty has a sweep of its own: whatever becomes of one, the others go on."""

from __future__ import annotations

import asyncio
import time

from tests.eventually import TIME_UNIT, eventually
from tests.queue.conftest import Shop
from workers.schedule import sweep_until

LONGEST_SECONDS = 0.05


async def test_neither_a_failing_nor_a_hanging_sweep_delays_another_or_ends() -> None:
    swept = {"works": 0, "fails": 0, "hangs": 0}

    async def works() -> int:
        swept["works"] += 1
        return 0

    async def fails() -> int:
        swept["fails"] += 1
        raise RuntimeError("it always fails")

    async def hangs() -> int:
        swept["hangs"] += 1
        await asyncio.Event().wait()
        return 0

    stopped = asyncio.Event()
    sweeps = [sweep_until(stopped, sweep, longest_seconds=LONGEST_SECONDS) for sweep in (works, fails, hangs)]
    running = [asyncio.create_task(sweep) for sweep in sweeps]
    await eventually(lambda: swept["works"] >= 4 and swept["fails"] >= 2 and swept["hangs"] >= 2, within=20.0)
    assert swept["works"] >= swept["fails"]
    stopped.set()
    done, _ = await asyncio.wait(running, timeout=10)
    assert [task.exception() for task in done] == [None, None, None]


async def test_a_scheduler_in_a_hanging_sweep_ends_when_told(shop: Shop) -> None:
    scheduler = shop.hire("schedule")
    await shop.began(1)
    began = time.monotonic()
    assert await scheduler.stop() == 0
    assert time.monotonic() - began < 20 * TIME_UNIT
    assert '"event": "sweeps_cut"' in scheduler.log.read_text()
