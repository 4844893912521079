"""A campaign reaches everybody it is for, once each, and the rows say what became of everyone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from bots.fake.world import AMBIGUOUS, BLOCKED, BROKEN, NO_CHAT, Fault, World, flooded
from server import ids
from tests.broadcast.square import (
    campaign,
    counted,
    counts,
    crew,
    does,
    heard,
    now,
    on_the_web,
    people,
    started,
    through,
    words,
)
from tests.eventually import eventually
from tests.rest.house import House, Person

QUIET = "these are quiet hours there"
UNREADABLE = Fault(400, "Bad Request: can't parse entities: Unsupported start tag")


async def test_everybody_is_told_once_whoever_sends(
    house: House, operator: Person, world: World, database_url: str, redis_url: str, api: str
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 30)
    async with crew(database_url, redis_url, api, count=3):
        done = await through(operator, await started(operator, tag))
    assert sorted(heard(world, made)) == sorted(f"hello n{chat}" for chat in made)
    assert counts(done) == await counted(house, done) == {"sent": 30}
    assert done["allows"] == ["retry", "delete", "clone", "test", "preview"]


async def test_people_are_told_in_their_language_with_their_own_words_and_escaped(
    house: House, operator: Person, world: World, at_work: None
) -> None:
    tag = ids.new().hex
    german = await people(house, tag, 1, language="de", attributes='{"city": "<Bern>"}')
    other = await people(house, tag, 1, language="xx")
    content = {
        "variants": {"en": {"text": "Hi {{ city }}"}, "de": {"text": "Hallo {{ city }}", "parse_mode": "HTML"}},
        "fallback_language": "en",
        "defaults": {"city": "there"},
    }
    await through(operator, await started(operator, tag, content=content))
    assert heard(world, german) == ["Hallo <Bern>"]
    assert heard(world, other) == ["Hi there"]


async def test_whoever_cannot_be_told_is_found_before_the_first_is_told(
    house: House, operator: Person, world: World, at_work: None
) -> None:
    tag = ids.new().hex
    known = await people(house, tag, 3, attributes='{"city": "Bern"}')
    unknown = await people(house, tag, 2)
    one = await started(operator, tag, content=words("In {{ city }}"))
    found = await through(operator, one, "paused")
    assert found["why"].startswith("2 of 5 people cannot be told as it is written: `city` is missing for 2")
    assert heard(world, known) == []
    named = await operator.get("/broadcast/logs", campaign_id=one["id"], state="failed")
    assert {row["contact_id"] for row in named["deliveries"]} == set(map(str, unknown.values()))
    await does(operator, one, "resume")
    assert counts(await through(operator, one)) == {"sent": 3, "failed": 2}


async def test_a_photo_with_buttons_leaves_as_one(house: House, operator: Person, world: World, at_work: None) -> None:
    tag = ids.new().hex
    ((chat, _),) = (await people(house, tag, 1)).items()
    photo = {"text": "look", "photo": "https://example.com/a.png", "buttons": [[{"text": "go", "url": "https://a.b"}]]}
    await through(operator, await started(operator, tag, content={"variants": {"en": photo}}))
    (arrived,) = world.sent[chat]
    assert (arrived.kind, arrived.text) == ("photo", "look")
    assert world.files[arrived.file_id or ""].name == "https://example.com/a.png"
    assert arrived.buttons == (({"text": "go", "url": "https://a.b"},),)


@pytest.mark.parametrize(
    ("fault", "state", "arrived"),
    [
        (BLOCKED, "blocked", 0),
        (NO_CHAT, "failed", 0),
        (AMBIGUOUS, "unknown", 1),
        (BROKEN, "sent", 1),
        (flooded(1), "sent", 1),
    ],
)
async def test_every_answer_of_telegram_ends_in_a_state_that_says_so(
    house: House, operator: Person, world: World, at_work: None, *, fault: Fault, state: str, arrived: int
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 2)
    chat = next(iter(made))
    world.faults[chat].append(fault)
    done = await through(operator, await started(operator, tag))
    assert counts(done) == await counted(house, done)
    (row,) = (await operator.get("/broadcast/logs", campaign_id=done["id"], contact_id=str(made[chat])))["deliveries"]
    assert (row["state"], len(world.sent[chat])) == (state, arrived)
    assert (row["reason"] is None) == (state == "sent")
    (contact,) = await house.rows("SELECT blocked FROM contacts WHERE id = $1", made[chat])
    assert contact["blocked"] is (state == "blocked")


async def test_whoever_opts_out_in_the_middle_is_not_told(
    house: House, operator: Person, world: World, at_work: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 40)
    one = await started(operator, tag, per_second=5)
    await eventually(lambda: len(heard(world, made)) > 0)
    await does(operator, one, "pause")
    await eventually(lambda: is_still(house, one))
    late = [chat for chat in made if not world.sent[chat]][:10]
    await house.rows("UPDATE contacts SET opted_out = true WHERE chat_id = ANY ($1::bigint[])", late)
    await does(operator, one, "resume")
    done = await through(operator, one, within=30.0)
    told = {chat for chat in made if world.sent[chat]}
    assert not told & set(late)
    assert counts(done) == await counted(house, done) == {"sent": 30, "skipped": 10}


async def test_those_who_opted_out_or_blocked_the_bot_are_in_no_audience(
    house: House, operator: Person, world: World, at_work: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 3)
    first, second, _ = made
    await house.rows("UPDATE contacts SET opted_out = true WHERE chat_id = $1", first)
    await house.rows("UPDATE contacts SET blocked = true WHERE chat_id = $1", second)
    one = await campaign(operator, tag)
    seen = await operator.get(f"/broadcast/campaign/{one['id']}/audience")
    assert (seen["count"], len(seen["sample"])) == (1, 1)
    await does(operator, one, "start")
    assert counts(await through(operator, one)) == {"sent": 1}


async def test_the_same_refusal_for_the_first_few_pauses_and_operators_hear_of_it(
    house: House, operator: Person, world: World, at_work: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 60)
    for chat in made:
        world.faults[chat].append(UNREADABLE)
    inbox = await operator.hears("inbox")
    found = await through(operator, await started(operator, tag), "paused")
    assert "can't parse entities" in found["why"]
    assert counts(found)["failed"] < 20
    assert heard(world, made) == []
    told = [data for _, data in inbox.heard() if data.get("type") == "notice"]
    assert [(each["campaign_id"], each["state"]) for each in told] in ([(found["id"], "paused")], [])
    await does(operator, found, "cancel")


async def test_many_failures_in_a_row_pause(house: House, operator: Person, world: World, at_work: None) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 60)
    for number, chat in enumerate(sorted(made)[1:]):
        world.faults[chat].append(Fault(400, f"Bad Request: number {number}"))
    found = await through(operator, await started(operator, tag), "paused")
    assert "in a row" in found["why"]
    await eventually(lambda: is_still(house, found))
    assert counts(await now(operator, found)) == await counted(house, found)
    assert (await does(operator, found, "cancel"))["state"] == "cancelled"


async def test_no_more_leave_than_are_paid_for(house: House, operator: Person, world: World, at_work: None) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 30)
    found = await through(operator, await started(operator, tag, paid_messages=12), "paused")
    assert "paid messages" in found["why"]
    assert len(heard(world, made)) == 12
    assert counts(found) == await counted(house, found) == {"sent": 12, "queued": 18}
    await does(operator, found, "cancel")


async def test_retry_takes_what_failed_and_never_what_was_sent(
    house: House, operator: Person, world: World, at_work: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 4)
    first, second, *_ = made
    world.faults[first].append(NO_CHAT)
    world.faults[second].append(AMBIGUOUS)
    done = await through(operator, await started(operator, tag))
    assert counts(done) == {"sent": 2, "failed": 1, "unknown": 1}
    assert await does(operator, done, "retry") == {"deliveries": 1}
    done = await through(operator, done)
    assert counts(done) == await counted(house, done) == {"sent": 3, "unknown": 1}
    assert await does(operator, done, "retry", failed=False, unknown=True) == {"deliveries": 1}
    done = await through(operator, done)
    assert counts(done) == {"sent": 4}
    assert {chat: len(world.sent[chat]) for chat in made} == {chat: 1 + (chat == second) for chat in made}


async def test_late_additions_come_in_by_extending_alone(
    house: House, operator: Person, world: World, at_work: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 5)
    one = await started(operator, tag, per_second=2)
    await eventually(lambda: len(heard(world, made)) > 0)
    await does(operator, one, "pause")
    late = await people(house, tag, 3)
    assert await does(operator, one, "extend") == {"deliveries": 3}
    assert await does(operator, one, "extend") == {"deliveries": 0}
    await house.rows("UPDATE runs SET per_second = NULL WHERE campaign_id = $1", UUID(one["id"]))
    await does(operator, one, "resume")
    assert counts(await through(operator, one)) == {"sent": 8}
    assert len(heard(world, late)) == 3


async def test_a_pause_stops_and_a_cancelled_campaign_says_whom_it_did_not_reach(
    house: House, operator: Person, world: World, at_work: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 100)
    one = await started(operator, tag)
    await eventually(lambda: len(heard(world, made)) > 5)
    await does(operator, one, "pause")
    await eventually(lambda: is_still(house, one), within=2.0)
    told = len(heard(world, made))
    await does(operator, one, "resume")
    await eventually(lambda: len(heard(world, made)) > told)
    await does(operator, one, "cancel")

    async def settled() -> bool:
        found = await now(operator, one)
        return counts(found) == await counted(house, one) and not {"queued", "sending"} & counts(found).keys()

    await eventually(settled)
    rows = await counted(house, one)
    assert rows == {"sent": len(heard(world, made)), "cancelled": 100 - len(heard(world, made))}
    assert all(len(world.sent[chat]) <= 1 for chat in made)


async def is_still(house: House, one: object) -> bool:
    return (await counted(house, one))["sending"] == 0


async def test_nobody_is_disturbed_in_quiet_hours_wherever_they_are(
    house: House, operator: Person, at_work: None
) -> None:
    tag, ada = ids.new().hex, await house.person()
    thread = await on_the_web(operator, ada, tag)
    await people(house, tag, 1)
    now = datetime.now(UTC)
    quiet = {"quiet_from": f"{now - timedelta(hours=1):%H:%M}", "quiet_to": f"{now + timedelta(hours=2):%H:%M}"}
    one = await started(operator, tag, schedule=quiet)

    early = "UPDATE deliveries SET due_at = now() WHERE run_id = $1 RETURNING 1"  # as after a pause that took the night
    await eventually(lambda: house.rows(early, UUID(one["run"]["id"])))

    async def is_put_off() -> bool:
        log = await operator.get("/broadcast/logs", campaign_id=one["id"])
        assert [(row["state"], row["reason"]) for row in log["deliveries"]] == [("queued", QUIET)] * 2
        return True

    await eventually(is_put_off)
    assert "hello Ada" not in await ada.words(thread)


async def test_how_a_run_went_over_time_adds_up(house: House, operator: Person, world: World, at_work: None) -> None:
    tag = ids.new().hex
    await people(house, tag, 5)
    draft = await campaign(operator, tag)
    assert (await operator.get(f"/broadcast/campaign/{draft['id']}/timeline"))["points"] == []
    done = await through(operator, await does(operator, draft, "start"))
    line = await operator.get(f"/broadcast/campaign/{done['id']}/timeline")
    assert line["run_id"] == done["run"]["id"]
    assert {point["state"] for point in line["points"]} == {"sent"}
    assert sum(point["deliveries"] for point in line["points"]) == 5
