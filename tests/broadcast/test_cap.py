"""Nobody is told by more campaigns than the cap allows; who was told as often has a row that says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bots.fake.world import World
from server import ids
from server.broadcast.statements import CAPPED
from tests.broadcast.square import counts, crew, heard, people, started, through
from tests.rest.house import House, Person


@pytest.fixture
async def capped(house: House, api: str, database_url: str, redis_url: str) -> AsyncIterator[None]:
    async with crew(database_url, redis_url, api, 2, campaign_cap=1, campaign_cap_hours=24):
        yield


async def test_whoever_was_told_as_often_is_left_out_until_the_time_is_over(
    house: House, operator: Person, world: World, capped: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 3)
    assert counts(await through(operator, await started(operator, tag))) == {"sent": 3}
    second = await through(operator, await started(operator, tag))
    assert counts(second) == {"skipped": 3}
    log = await operator.get("/broadcast/logs", campaign_id=second["id"])
    assert {row["reason"] for row in log["deliveries"]} == {CAPPED}
    earlier = "UPDATE deliveries SET settled_at = settled_at - interval '25 hours' WHERE contact_id = ANY ($1)"
    await house.rows(earlier, list(made.values()))
    assert counts(await through(operator, await started(operator, tag))) == {"sent": 3}
    assert len(heard(world, made)) == 6


async def test_a_campaign_may_ignore_it_and_counts_all_the_same(
    house: House, operator: Person, world: World, capped: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 1)
    for _ in range(2):
        assert counts(await through(operator, await started(operator, tag, ignores_cap=True))) == {"sent": 1}
    assert counts(await through(operator, await started(operator, tag))) == {"skipped": 1}
    assert len(heard(world, made)) == 2


async def test_two_at_the_same_moment_see_each_other(
    house: House, operator: Person, world: World, capped: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 30)
    both = await asyncio.gather(started(operator, tag), started(operator, tag))
    done = [await through(operator, one) for one in both]
    assert sum((counts(one) for one in done), counts(done[0]) - counts(done[0])) == {"sent": 30, "skipped": 30}
    assert len(heard(world, made)) == 30


async def test_without_a_cap_everybody_is_told_each_time(
    house: House, operator: Person, world: World, at_work: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 2)
    for _ in range(2):
        assert counts(await through(operator, await started(operator, tag))) == {"sent": 2}
    assert len(heard(world, made)) == 4
