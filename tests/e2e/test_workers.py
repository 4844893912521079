"""Worker processes: what was posted is found by its words, whether a worker is told or only a sweep looks."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from server.config import Settings
from server.queue import Task
from tests.eventually import eventually
from tests.fleet.server import ROOT, SECRET, Program, helper, person, servers
from workers.duties import duties
from workers.office import Office

NOWHERE_REDIS = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize("command", ["work", "schedule"])
async def test_a_message_is_found_by_its_words_soon_after(command: str, fresh_database: str, redis_url: str) -> None:
    async with servers(fresh_database, redis_url, 1) as (server,):
        server.http.token, _ = await person(server)
        with helper(server, command) as program:
            posted = await server.http.call("POST", "/chat/send", {"text": "Wo bleibt denn mein Regenschirm?"})
            path = f"/chat/history?thread_id={posted.body['thread_id']}&q=regenschirm"

            async def found() -> str | None:
                page = await server.http.call("GET", path)
                return page.body["messages"][0]["language"] if page.body["messages"] else None

            assert await eventually(found, within=30.0) == "de"
            assert await program.stop() == 0
            assert program.log.read_text() == "", "what works has nothing to say"


async def test_a_worker_without_redis_says_so_once_and_waits(fresh_database: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": fresh_database, "REDIS_URL": NOWHERE_REDIS, "PYTHONPATH": str(ROOT)}
    worker = Program("work", tmp_path, {**os.environ, **settings, "SECRET_KEY": SECRET})
    worker.launch()
    try:
        await eventually(lambda: "correct REDIS_URL" in worker.log.read_text(), within=30.0)
        assert await worker.stop() == 0
        said = [json.loads(line)["event"] for line in worker.log.read_text().splitlines()]
        assert sorted(said) == ["bus_down", "tasks_not_heard"]
    finally:
        worker.end()


def test_every_task_that_a_room_declares_has_one_carrier() -> None:
    office = Office(Settings(database_url="postgresql://nowhere", redis_url=NOWHERE_REDIS), connections=2)
    carried = [duty.task.__name__ for duty in duties(office)]
    declared = [task.__name__ for task in Task.__subclasses__() if task.__module__.startswith("server.")]
    assert sorted(carried) == sorted(declared)
