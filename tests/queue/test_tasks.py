"""Work in the background is never lost: real workers are killed, cut off and told to stop, on a real stream."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from server.deadletters import DeadLetters
from server.embedded.valkey import Valkey
from server.stream import DATA, GROUP, STREAM
from tests.eventually import TIME_UNIT, eventually
from tests.fleet.cluster import cluster
from tests.queue.conftest import PATIENCE_SECONDS, Shop, opened
from tests.queue.orders import Fall, Kill, Need, Wait
from workers.carrier import AT_ONCE
from workers.verdict import DELIVERIES

HOURS = 10_000.0


async def test_a_dead_workers_task_is_taken_over_on_an_idle_queue(shop: Shop) -> None:
    first = shop.hire()
    shop.queue.say(Wait(row=1, seconds=HOURS))
    await shop.began(1)
    shop.hire()
    await shop.ended(Wait(row=2))
    first.kill()
    await shop.began(1, times=2)


async def test_a_cluster_loses_no_task_either(database_url: str, tmp_path: Path) -> None:
    async with cluster() as formed, opened(database_url, formed.url, tmp_path, 1.0) as shop:
        first = shop.hire()
        shop.queue.say(Wait(row=1, seconds=3.0))
        await shop.began(1)
        first.kill()
        shop.hire()
        await shop.began(1, times=2)
        await shop.ended(*(Wait(row=row) for row in range(1, 50)))
        await shop.empty()


async def test_what_is_carried_out_leaves_nothing_behind(shop: Shop) -> None:
    shop.hire()
    await shop.ended(*(Wait(row=row) for row in range(200)))
    await shop.empty()
    assert sorted(shop.noted("ended")) == list(range(200))


async def test_no_worker_takes_what_it_has_no_hand_for(shop: Shop) -> None:
    tasks = [Wait(row=row, seconds=1.0) for row in range(100)]
    for task in tasks:
        shop.queue.say(task)
    shop.hire()
    taken = 0

    async def all_ended() -> bool:
        nonlocal taken
        if shop.noted("began"):
            taken = max(taken, (await shop.client.xpending(STREAM, GROUP))["pending"])
        return len(shop.noted("ended")) >= len(tasks)

    await eventually(all_ended, within=PATIENCE_SECONDS)
    assert taken <= 2 * AT_ONCE, "what is at work, and what ended a moment ago"
    await shop.empty()
    assert sorted(shop.noted("began")) == [task.row for task in tasks]


async def test_a_task_longer_than_its_lease_is_carried_out_once(shop: Shop) -> None:
    shop.hire()
    shop.hire()
    await shop.ended(Wait(row=1, seconds=4.0))
    await shop.empty()
    assert shop.noted("began") == [1]


async def test_what_was_said_before_the_first_worker_came_is_json_and_not_skipped(shop: Shop) -> None:
    shop.queue.say(Wait(row=1))
    ((_, fields),) = await eventually(lambda: shop.client.xrange(STREAM))
    said = json.loads(fields[DATA])
    assert (said["task_name"], said["kwargs"]) == ("Wait", {"row": 1, "seconds": 0.0})
    shop.hire()
    await shop.began(1)
    await shop.empty()


async def test_emptied_redis_is_taken_up_again(shop: Shop) -> None:
    worker = shop.hire()
    await shop.ended(Wait(row=1))
    shop.queue.say(Wait(row=2, seconds=1.0))
    await shop.began(2)
    await shop.client.flushall()
    await shop.ended(Wait(row=3))
    await eventually(lambda: 2 in shop.noted("ended"), within=PATIENCE_SECONDS)
    await shop.empty()
    assert worker.log.read_text() == ""


async def test_an_outage_of_redis_cuts_no_task_and_ends_no_process(usual_shop: Shop, valkey: Valkey) -> None:
    shop = usual_shop
    worker = shop.hire()
    await shop.ended(Wait(row=1))
    shop.hire()
    shop.queue.say(Wait(row=2, seconds=7.0))  # longer than a lease
    await shop.began(2)
    valkey.kill()
    shop.queue.say(Wait(row=3))
    await eventually(lambda: 2 in shop.noted("ended"), within=PATIENCE_SECONDS)
    valkey.start()
    await shop.ended(Wait(row=4))
    await eventually(lambda: 3 in shop.noted("ended"), within=PATIENCE_SECONDS)
    await shop.empty()
    assert shop.noted("began").count(2) == 1
    worker.check()

    def said(event: str) -> int:
        return [json.loads(line)["event"] for line in worker.log.read_text().splitlines()].count(event)

    assert await eventually(lambda: said("tasks_heard_again"), within=PATIENCE_SECONDS) == said("tasks_not_heard") == 1


async def test_an_idle_worker_ends_when_told(shop: Shop) -> None:
    worker = shop.hire()
    await shop.ended(Wait(row=1))
    began = time.monotonic()
    assert await worker.stop() == 0
    assert time.monotonic() - began < 10 * TIME_UNIT
    assert worker.log.read_text() == ""


async def test_a_busy_worker_ends_when_told_and_gives_its_task_back(patient_shop: Shop) -> None:
    shop = patient_shop
    worker = shop.hire()
    shop.queue.say(Wait(row=1, seconds=HOURS))
    await shop.began(1)
    shop.hire()
    began = time.monotonic()
    assert await worker.stop() == 0
    assert time.monotonic() - began < 20 * TIME_UNIT
    await shop.began(1, times=2)


@pytest.mark.timeout(300)  # six interpreters start, one after the other
async def test_a_task_that_kills_its_worker_is_set_aside(shop: Shop) -> None:
    shop.queue.say(Kill(row=1))
    for times in range(DELIVERIES):
        shop.hire()
        await shop.began(1, times + 1)
    shop.hire()
    (letter,) = await eventually(shop.aside, within=PATIENCE_SECONDS)
    assert json.loads(letter[DATA])["kwargs"] == {"row": 1}
    await shop.empty()
    assert shop.noted("began") == [1] * DELIVERIES


@pytest.mark.timeout(300)
async def test_the_innocent_beside_a_killer_are_carried_out(shop: Shop) -> None:
    innocent = [Wait(row=row, seconds=0.5) for row in range(2, 12)]
    for task in (*innocent, Kill(row=1)):
        shop.queue.say(task)
    for times in range(DELIVERIES):
        shop.hire()
        await shop.began(1, times + 1)
    shop.hire()
    await eventually(lambda: set(shop.noted("ended")) == {task.row for task in innocent}, within=PATIENCE_SECONDS)
    (letter,) = await eventually(shop.aside, within=PATIENCE_SECONDS)
    assert json.loads(letter[DATA])["task_name"] == "Kill"
    await shop.empty()


async def test_a_task_that_fails_is_tried_again_then_set_aside_and_can_be_put_back(shop: Shop, valkey: Valkey) -> None:
    shop.queue.say(Fall(row=1))
    shop.hire()
    (letter,) = await eventually(shop.aside, within=PATIENCE_SECONDS)
    assert letter[b"why"] == b"RuntimeError('it always falls')"
    assert shop.noted("began") == [1] * DELIVERIES
    letters = DeadLetters(valkey.url)
    assert [(found.task, found.fields) for found in await letters.newest()] == [("Fall", {"row": 1})]
    assert await letters.put_back() == 1
    await shop.began(1, times=2 * DELIVERIES)
    await eventually(shop.aside, within=PATIENCE_SECONDS)
    assert await letters.count() == 1
    await shop.empty()


async def test_a_task_waits_for_what_it_needs_however_long(shop: Shop, tmp_path: Path) -> None:
    shop.hire()
    need = Need(row=1, path=str(tmp_path / "there"))
    shop.queue.say(need)
    await shop.began(1, times=2 * DELIVERIES)
    Path(need.path).touch()
    await eventually(lambda: shop.noted("ended") == [1], within=PATIENCE_SECONDS)
    await shop.empty()
    assert await shop.aside() == []


async def test_what_nobody_can_read_is_set_aside(shop: Shop) -> None:
    await shop.client.xadd(STREAM, {DATA: b"not json"})
    await shop.client.xadd(STREAM, {"other": b"no data"})
    await shop.client.xadd(STREAM, {DATA: json.dumps({"task_name": "Nobody"})})
    shop.hire()

    async def three() -> bool:
        return len(await shop.aside()) == 3

    await eventually(three, within=PATIENCE_SECONDS)
    await shop.ended(Wait(row=1))
    await shop.empty()
