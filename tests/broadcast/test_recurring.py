"""What is sent again and again is a run with a log of its own each time; what was missed is sent late, or skipped."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from bots.fake.world import World
from server import ids
from tests.broadcast.square import heard, now, people, started
from tests.eventually import eventually
from tests.rest.house import House, Person

NEW_YEAR = "0 9 1 1 *"
COMES = "UPDATE campaigns SET next_at = now() - make_interval(days => $2, secs => 1) WHERE id = $1 RETURNING id"


async def comes(house: House, one: Any, days_ago: int = 0) -> None:
    """The time comes; or came while nothing was running."""
    assert await house.rows(COMES, UUID(one["id"]), days_ago)


async def acts(operator: Person, one: Any) -> list[str]:
    return [event["act"] for event in await operator.get(f"/broadcast/campaign/{one['id']}/events")]


async def rests(operator: Person, one: Any, act: str, times: int) -> bool:
    """Whether it waits for the next time, having done this so often."""
    found = await now(operator, one)
    return found["state"] == "scheduled" and (await acts(operator, one)).count(act) == times


async def test_each_time_is_a_run_with_a_log_of_its_own(
    house: House, operator: Person, world: World, at_work: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 2)
    one = await started(operator, tag, schedule={"cron": NEW_YEAR, "zone": "Europe/Zurich"})
    assert (one["state"], one["run"], one["next_at"][5:16]) == ("scheduled", None, "01-01T08:00")
    runs = []
    for times in (1, 2):
        await comes(house, one)
        await eventually(partial(rests, operator, one, "completed", times), within=20.0)
        assert heard(world, made) == [f"hello n{chat}" for chat in made for _ in range(times)]
        found = await now(operator, one)
        assert found["next_at"] == one["next_at"]
        runs.append(found["run"]["id"])
    assert len(set(runs)) == 2
    for run in runs:
        log = (await operator.get("/broadcast/logs", run_id=run))["deliveries"]
        assert {(row["run_id"], row["state"]) for row in log} == {(run, "sent")}
        assert len(log) == len(made)


async def test_a_time_missed_while_down_is_skipped_or_made_up_for_within_the_grace(
    house: House, operator: Person, world: World, at_work: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 1)
    strict = await started(operator, tag, schedule={"cron": NEW_YEAR})
    await comes(house, strict, days_ago=3)
    await eventually(lambda: rests(operator, strict, "skipped", 1), within=20.0)
    assert heard(world, made) == []
    patient = await started(operator, tag, schedule={"cron": NEW_YEAR, "grace_minutes": 4 * 24 * 60})
    await comes(house, patient, days_ago=3)
    await eventually(lambda: rests(operator, patient, "completed", 1), within=20.0)
    assert heard(world, made) == [f"hello n{chat}" for chat in made]
    assert (await now(operator, patient))["next_at"] == strict["next_at"]
