"""When a campaign speaks: a simulated year over zones whose clocks jump, and every promise about quiet hours."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from server.broadcast.calendar import Schedule, allowed_at, drip, due_for, due_time, next_time

# By an hour at night, by an hour at midnight, by half an hour, on the other side of the globe, by a whole day, never.
ZONES = [
    "Europe/Zurich",
    "America/New_York",
    "Africa/Cairo",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "UTC",
]
QUARTER = timedelta(minutes=15)
quarters = st.builds("{:02}:{}".format, st.integers(0, 23), st.sampled_from(["00", "15", "30", "45"]))
# Around the days on which clocks jump somewhere, 2011 in Apia among them.
DAYS = [date(2026, 3, 7), date(2026, 3, 27), date(2026, 4, 3), date(2026, 4, 22), date(2026, 10, 2), date(2026, 10, 23)]
moments = st.builds(
    lambda day, quarter: datetime.combine(day, datetime.min.time(), UTC) + quarter * QUARTER,
    st.sampled_from([*DAYS, date(2026, 10, 28), date(2026, 10, 31), date(2011, 12, 28)]),
    st.integers(0, 4 * 96),
)


def local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone))


def is_allowed(schedule: Schedule, moment: datetime, zone: str) -> bool:
    shown = local(moment, zone)
    if schedule.weekdays is not None and shown.isoweekday() not in schedule.weekdays:
        return False
    if schedule.quiet_from is None or schedule.quiet_to is None:
        return True
    now = shown.strftime("%H:%M")
    if schedule.quiet_from < schedule.quiet_to:
        return not schedule.quiet_from <= now < schedule.quiet_to
    return schedule.quiet_to <= now < schedule.quiet_from


@settings(max_examples=400, deadline=None)
@given(
    moment=moments,
    zone=st.sampled_from(ZONES),
    quiet=st.none() | st.tuples(quarters, quarters).filter(lambda pair: pair[0] != pair[1]),
    weekdays=st.none() | st.lists(st.integers(1, 7), min_size=1, max_size=3),
)
def test_the_first_allowed_moment_is_found(moment: datetime, zone: str, quiet: Any, weekdays: Any) -> None:
    times = {} if quiet is None else {"quiet_from": quiet[0], "quiet_to": quiet[1]}
    schedule = Schedule(weekdays=weekdays, **times)
    found = allowed_at(schedule, moment, zone)
    step = moment
    while not is_allowed(schedule, step, zone):
        step += QUARTER
    assert found == step


@settings(max_examples=300, deadline=None)
@given(moment=moments, zone=st.sampled_from(ZONES))
def test_a_time_is_the_one_that_clocks_show_or_the_moment_at_which_they_go_on(moment: datetime, zone: str) -> None:
    wall = moment.replace(tzinfo=None)
    found = next_time(Schedule(at=wall, zone=zone), datetime(2000, 1, 1, tzinfo=UTC))
    assert found is not None
    shown = local(found, zone).replace(tzinfo=None)
    if shown == wall:
        earlier = found - timedelta(hours=1)
        assert local(earlier, zone).replace(tzinfo=None) != wall, "the first of two is meant"
    else:
        just_before = local(found - timedelta(seconds=1), zone).replace(tzinfo=None)
        assert just_before < wall < shown


def test_clocks_that_jump_are_read_as_stated() -> None:
    def begins(at: str) -> str:
        found = next_time(
            Schedule(at=datetime.fromisoformat(at), zone="Europe/Zurich"), datetime(2020, 1, 1, tzinfo=UTC)
        )
        assert found is not None
        return local(found, "Europe/Zurich").isoformat()

    assert begins("2026-03-29T02:30") == "2026-03-29T03:00:00+02:00"
    assert begins("2026-10-25T02:30") == "2026-10-25T02:30:00+02:00"
    assert begins("2026-10-25T02:30:00+01:00") == "2026-10-25T02:30:00+01:00"


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("is_local", [False, True])
@pytest.mark.parametrize("hour", ["02:30", "00:00", "18:00"])
def test_in_a_simulated_year_every_day_has_its_run(zone: str, is_local: bool, hour: str) -> None:
    clock = hour.split(":")
    schedule = Schedule(
        cron=f"{int(clock[1])} {int(clock[0])} * * *", zone=zone, local=is_local, quiet_from="22:00", quiet_to="07:00"
    )
    started = time.process_time()
    runs, told = [], []
    moment: datetime | None = datetime(2026, 1, 1, tzinfo=UTC)
    while moment is not None and (moment := next_time(schedule, moment)) and moment.year == 2026:
        runs.append(moment)
        told.append(due_for(schedule, moment, zone))
    assert len(runs) in (364, 365, 366)
    assert all(timedelta(hours=22) < after - before < timedelta(hours=26) for before, after in pairwise(runs))
    assert len({local(each, zone).date() for each in told}) == len(told), "nobody is told twice a day"
    assert all(7 <= local(each, zone).hour < 22 for each in told)
    assert all(before <= after for before, after in zip(runs, told, strict=True))
    assert time.process_time() - started < 5.0


def test_each_person_is_told_at_their_own_ten_o_clock() -> None:
    schedule = Schedule(at=datetime(2026, 12, 24, 10), zone="Europe/Zurich", local=True)
    planned = next_time(schedule, datetime(2026, 1, 1, tzinfo=UTC))
    assert planned == datetime(2026, 12, 23, 20, tzinfo=UTC)
    for zone in [*ZONES, "Pacific/Kiritimati", "Etc/GMT+12"]:
        told = due_for(schedule, planned, zone)
        assert local(told, zone).replace(tzinfo=None) == datetime(2026, 12, 24, 10)
        assert told >= planned
    for unknown in (None, "Nowhere/City", "../../etc/passwd"):
        assert due_for(schedule, planned, unknown) == datetime(2026, 12, 24, 9, tzinfo=UTC)


def test_what_was_missed_is_made_up_for_once_or_skipped() -> None:
    hourly = Schedule(cron="0 * * * *", grace_minutes=30)
    planned = datetime(2026, 5, 1, 9, tzinfo=UTC)
    assert due_time(hourly, planned, planned + timedelta(minutes=29)) == planned
    assert due_time(hourly, planned, planned + timedelta(minutes=31)) is None
    assert due_time(hourly, planned, planned + timedelta(hours=5, minutes=10)) == planned + timedelta(hours=5)
    patient = Schedule(cron="0 * * * *", grace_minutes=600)
    assert due_time(patient, planned, planned + timedelta(hours=5, minutes=10)) == planned + timedelta(hours=5)
    once = Schedule(at=planned, grace_minutes=0)
    assert due_time(once, planned, planned + timedelta(seconds=59)) == planned
    assert due_time(once, planned, planned + timedelta(minutes=2)) is None


def test_what_begins_at_once_has_no_time_to_come_and_what_is_over_has_none_either() -> None:
    now = datetime(2026, 5, 1, 9, tzinfo=UTC)
    assert Schedule().is_now
    assert next_time(Schedule(per_hour=5), now) is None
    assert next_time(Schedule(at=now), now) is None
    ending = Schedule(cron="0 9 * * *", until=datetime(2026, 5, 3, 9), zone="Europe/Zurich")
    days = [next_time(ending, now + timedelta(days=day)) for day in range(4)]
    assert [day and day.day for day in days] == [2, 3, None, None]


def test_a_drip_is_even_and_leaves_the_quiet_hours_out() -> None:
    schedule = Schedule(per_hour=4, quiet_from="20:00", quiet_to="08:00", weekdays=[1, 2, 3, 4, 5])
    friday = datetime(2026, 5, 1, 19, 20, tzinfo=UTC)
    told = list(islice(drip(schedule, friday, "UTC"), 1000))
    assert [each.strftime("%a %H:%M") for each in told[:5]] == [
        *("Fri 19:20", "Fri 19:35", "Fri 19:50"),
        *("Mon 08:00", "Mon 08:15"),
    ]
    assert all(is_allowed(schedule, each, "UTC") for each in told)
    assert all(after - before >= QUARTER for before, after in pairwise(told))


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        ({"at": "2026-01-01T10:00", "cron": "0 9 * * *"}, "`at` for once, or `cron`"),
        ({"cron": "0 9 * *"}, "write five fields"),
        ({"cron": "* * * * * *"}, "write five fields"),
        ({"cron": "0 0 31 2 *"}, "never comes"),
        ({"at": "2026-01-01T10:00", "zone": "Europe/Bern"}, "`Europe/Zurich`"),
        ({"at": "2026-01-01T10:00", "zone": "../../etc/passwd"}, "`Europe/Zurich`"),
        ({"at": "9999-12-31T23:59:59"}, "a year from 2000"),
        ({"at": "2026-01-01T10:00Z", "local": True}, "without an offset"),
        ({"local": True}, "in whose zone"),
        ({"until": "2026-01-01T10:00"}, "ends a `cron`"),
        ({"quiet_from": "21:00"}, "and another time"),
        ({"quiet_from": "21:00", "quiet_to": "21:00"}, "and another time"),
        ({"quiet_from": "24:00", "quiet_to": "21:00"}, "`21:30`"),
        ({"weekdays": []}, "at least 1"),
        ({"weekdays": [8]}, "less than or equal to 7"),
        ({"per_hour": 0}, "greater than or equal to 1"),
    ],
    ids=str,
)
def test_a_schedule_that_nobody_could_keep_is_refused(values: Any, advice: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Schedule.model_validate(values)
    assert advice in str(refused.value)


def test_a_schedule_survives_being_kept_as_json() -> None:
    schedule = Schedule(cron="0 9 * * MON-FRI", until=datetime(2026, 5, 3, 9), quiet_from="21:00", quiet_to="08:00")
    assert Schedule.model_validate_json(schedule.model_dump_json()) == schedule
