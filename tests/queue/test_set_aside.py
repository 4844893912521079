"""A task that was set aside is seen by whoever looks after the installation, and put back with one command."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys

import httpx2

from server.embedded.valkey import Valkey
from tests.eventually import eventually
from tests.fleet.server import Server, free_port, servers
from tests.queue.conftest import PATIENCE_SECONDS, Shop
from tests.queue.orders import Fall, Wait
from workers.verdict import DELIVERIES


async def parley(shop: Shop, *words: str) -> tuple[int, str]:
    """What the command line answers."""
    command = [sys.executable, "-m", "server.cli", *words]
    environment = {**shop.environment, "PORT": str(free_port())}
    done = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


async def figure(server: Server, name: str) -> float:
    """As Prometheus reads it."""
    async with httpx2.AsyncClient() as client:
        page = (await client.get(f"http://127.0.0.1:{server.port}/metrics")).text
    return next(float(line.split()[1]) for line in page.splitlines() if line.startswith(f"{name} "))


async def test_an_operator_sees_it_and_puts_it_back(shop: Shop, valkey: Valkey, database_url: str) -> None:
    assert "ok     no task was set aside" in (await parley(shop, "doctor"))[1]
    worker = shop.hire()
    shop.queue.say(Fall(row=1))
    await eventually(shop.aside, within=PATIENCE_SECONDS)
    assert await worker.stop() == 0

    code, said = await parley(shop, "doctor")
    assert (code, "wrong  tasks that failed five times and were set aside: 1" in said) == (1, True)
    code, said = await parley(shop, "tasks")
    assert code == 0
    assert """Fall {"row": 1}: RuntimeError('it always falls')""" in said

    async with servers(database_url, valkey.url, 1) as (server,):
        assert await figure(server, "parley_tasks_set_aside") == 1
        assert await parley(shop, "tasks", "--retry") == (0, "Put back into the queue: 1.\n")
        assert await figure(server, "parley_tasks_set_aside") == 0
        assert await figure(server, "parley_tasks_waiting") == 1
        shop.hire()
        await shop.began(1, times=DELIVERIES + 1)
        valkey.kill()
        assert math.isnan(await figure(server, "parley_tasks_waiting"))
        code, said = await parley(shop, "tasks")
        assert (code, "start it, or correct REDIS_URL" in said) == (1, True)
        valkey.start()
        await shop.ended(Wait(row=2))
