"""What may be done with a campaign when, by whom, and that every act is noted."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest

from bots.fake.world import BLOCKED, World
from server import clock, ids
from server.errors import Missing
from tests.broadcast.square import campaign, counts, does, heard, now, people, started, through
from tests.eventually import eventually
from tests.rest.house import House, Person


async def refused(operator: Person, one: object, act: str, **body: object) -> str:
    return str(await operator.ask("POST", f"/broadcast/campaign/{one['id']}/{act}", body))  # type: ignore[index]


async def test_a_draft_is_changed_and_what_runs_is_locked(house: House, operator: Person, at_work: None) -> None:
    tag = ids.new().hex
    await people(house, tag, 2)
    one = await campaign(operator, tag)
    path = f"/broadcast/campaign/{one['id']}"
    assert (await operator.patch(path, name="other"))["name"] == "other"
    assert await refused(operator, one, "pause") == "409 not_in_this_state"
    await does(operator, one, "start")
    answer = await operator.ask("PATCH", path, {"name": "late"})
    assert str(answer) == "409 not_in_this_state"
    assert "`clone`" in answer.said["detail"]
    await through(operator, one)
    copy = await operator.post(f"{path}/clone")
    assert (copy["state"], copy["name"], copy["run"]) == ("draft", "other", None)
    acts = [event["act"] for event in await operator.get(f"{path}/events")]
    assert acts == ["completed", "started", "changed", "created"]
    await operator.delete(path)
    assert str(await operator.ask("GET", path)) == "404 no_such_campaign"
    assert len((await operator.get("/broadcast/logs", campaign_id=one["id"]))["deliveries"]) == 2


async def test_the_same_key_makes_and_starts_one_campaign(
    house: House, operator: Person, world: World, at_work: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 2)
    body = {"name": "x", "content": {"variants": {"en": {"text": "x"}}, "fallback_language": "en"}}
    key = {"idempotency-key": tag}
    body |= {"audience": {"tag": tag}}
    first = await operator.ask("POST", "/broadcast/campaign", body, headers=key)
    second = await operator.ask("POST", "/broadcast/campaign", body, headers=key)
    assert (first.status, second.status, second.said["id"]) == (201, 200, first.said["id"])
    path = f"/broadcast/campaign/{first.said['id']}/start"
    assert str(await operator.ask("POST", path, {}, headers=key)) == "200"
    await through(operator, first.said)
    assert str(await operator.ask("POST", path, {}, headers=key)) == "200"
    assert str(await operator.ask("POST", path, {})) == "409 not_in_this_state"
    assert heard(world, made) == ["x", "x"]


async def test_a_large_audience_takes_an_admin_who_confirms_the_number(house: House, operator: Person) -> None:
    tag = ids.new().hex
    await people(house, tag, 1001)
    one = await campaign(operator, tag)
    admin = await house.person(role="admin")
    assert await refused(operator, one, "start", confirm=1001) == "403 audience_too_large"
    assert await refused(admin, one, "start", confirm=1000) == "409 count_not_confirmed"
    assert (await does(admin, one, "start", confirm=1001))["state"] == "running"
    await does(admin, one, "cancel")


async def test_whoever_confirms_a_number_means_it(house: House, operator: Person) -> None:
    tag = ids.new().hex
    await people(house, tag, 2)
    one = await campaign(operator, tag)
    assert await refused(operator, one, "start", confirm=3) == "409 count_not_confirmed"
    assert (await does(operator, one, "start", confirm=2))["state"] == "running"
    await does(operator, one, "cancel")


async def test_prometheus_is_told_what_is_left(house: House, operator: Person, at_work: None) -> None:
    tag = ids.new().hex
    await people(house, tag, 3)
    one = await started(operator, tag, schedule={"per_hour": 1})

    async def is_told() -> bool:
        assert counts(await now(operator, one))["queued"] >= 2
        (row,) = await house.rows("SELECT sum(queued) FROM runs WHERE is_open")
        told = (await house.ask("GET", "/metrics")).said.splitlines()
        return f'parley_campaign_recipients{{state="queued"}} {float(row[0])}' in told

    await eventually(is_told)
    await does(operator, one, "cancel")


async def test_people_without_the_role_see_nothing(house: House) -> None:
    ada = await house.person()
    assert str(await ada.ask("GET", "/broadcast/campaign")) == "403 role_needed"
    assert str(await ada.ask("GET", "/broadcast/logs/export")) == "403 role_needed"


async def test_a_scheduled_campaign_begins_by_itself(
    house: House, operator: Person, world: World, at_work: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 1)
    at = clock.now() + timedelta(seconds=1.5)
    one = await started(operator, tag, schedule={"at": at.isoformat()})
    assert (one["state"], one["run"]) == ("scheduled", None)
    done = await through(operator, one)
    assert datetime.fromisoformat(done["run"]["started_at"]) >= at
    assert heard(world, made) == [f"hello n{chat}" for chat in made]


async def test_preview_and_test_are_in_no_count(house: House, operator: Person, world: World) -> None:
    tag = ids.new().hex
    ((chat, contact),) = (await people(house, tag, 1)).items()
    one = await campaign(operator, tag)
    assert (await does(operator, one, "preview", contact_id=str(contact)))["text"] == f"hello n{chat}"
    assert (await does(operator, one, "test", contact_id=str(contact)))["state"] == "sent"
    world.faults[chat].append(BLOCKED)
    assert (await does(operator, one, "test", contact_id=str(contact)))["state"] == "blocked"
    assert len(world.sent[chat]) == 1
    assert (await now(operator, one))["run"] is None
    assert await refused(operator, one, "test", contact_id=str(ids.new())) == "404 no_such_contact"


async def test_the_log_pages_filters_and_is_exported(
    house: House, operator: Person, world: World, at_work: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 7)
    world.faults[min(made)].append(BLOCKED)
    done = await through(operator, await started(operator, tag))
    assert counts(done) == {"sent": 6, "blocked": 1}
    seen, cursor = [], None
    while True:
        more: dict[str, Any] = {} if cursor is None else {"cursor": cursor}
        page = await operator.get("/broadcast/logs", campaign_id=done["id"], limit=3, **more)
        seen += [row["contact_id"] for row in page["deliveries"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == sorted(map(str, made.values()), reverse=True)
    blocked = await operator.get("/broadcast/logs", campaign_id=done["id"], state="blocked")
    assert [row["contact_id"] for row in blocked["deliveries"]] == [str(made[min(made)])]
    text = (await operator.ask("GET", "/broadcast/logs/export", params={"campaign_id": done["id"]})).telling()
    head, *rows = csv.reader(io.StringIO(text))
    assert head[:3] == ["campaign_id", "run_id", "contact_id"]
    assert [row[2] for row in rows] == seen
    assert str(await operator.ask("GET", "/broadcast/logs?cursor=x")) == "422 bad_cursor"


async def test_only_those_who_work_here_listen_and_only_to_what_there_is(house: House, operator: Person) -> None:
    one = await campaign(operator, ids.new().hex)
    for channel in (f"campaign:{ids.new()}", "campaign:all", f"campaign:{one['id'].upper()}"):
        with pytest.raises(Missing):
            await operator.hears(channel)
    with pytest.raises(Missing):
        await (await house.person()).hears(f"campaign:{one['id']}")
    await operator.hears(f"campaign:{one['id']}")


async def test_progress_is_heard_and_ends_with_what_the_rows_say(house: House, operator: Person, at_work: None) -> None:
    tag = ids.new().hex
    await people(house, tag, 20)
    one = await campaign(operator, tag)
    ear = await operator.hears(f"campaign:{one['id']}")
    began = clock.monotonic()
    await does(operator, one, "start")
    done = await through(operator, one)

    def last() -> bool:
        said = [data for _, data in ear.heard()][-1]
        return bool((said["state"], said["counts"]) == ("completed", done["run"]["counts"]))

    await eventually(last)
    assert {data["type"] for _, data in ear.heard()} == {"progress"}
    assert len(ear.heard()) <= 2 + 2 * (clock.monotonic() - began)
