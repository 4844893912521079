"""When a campaign speaks: at a time, again and again, in each person's own hours, and never in the quiet ones. Pure.

Clocks are read as people read them. A time that a clock leaves out in spring is the moment at which it goes on; of a
time that it shows twice in autumn, the first is meant. Quiet hours hold both times.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, ConfigDict, Field, StrictBool, model_validator

from server.inputs import Input, Text, Written

EASTERNMOST = timedelta(hours=14)  # where every day begins first
YEARS = range(2000, 2100)
PUNCTUAL = timedelta(minutes=1)  # nobody calls that late: a scheduler that was restarted takes some seconds
MOMENT = timedelta(seconds=1)
ZONE_WORDS = "name a time zone as in `Europe/Zurich`"
CRON_WORDS = "write five fields: minute, hour, day, month, weekday, as in `0 9 * * MON-FRI`"


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def is_zone(name: object) -> bool:
    """Whether there is a time zone of this name."""
    return isinstance(name, str) and name in _zones()


def _known(name: str) -> str:
    if not is_zone(name):
        raise ValueError(ZONE_WORDS)
    return name


def _in_reach(moment: datetime) -> datetime:
    if moment.year not in YEARS:
        raise ValueError(f"give a year from {YEARS.start} to {YEARS.stop - 1}")
    return moment


def _repeats(text: str) -> str:
    if len(text.split()) != 5:
        raise ValueError(CRON_WORDS)
    try:
        next(CronSim(text, datetime(YEARS.start, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"{CRON_WORDS}; this never comes, or is none: {error}") from error
    return text


Zone = Annotated[Text, Field(max_length=64), AfterValidator(_known)]
Hour = Annotated[Text, Field(max_length=5), Written(r"^([01][0-9]|2[0-3]):[0-5][0-9]$", "write a time as in `21:30`")]
Cron = Annotated[Text, Field(max_length=100), AfterValidator(_repeats)]
Moment = Annotated[datetime, AfterValidator(_in_reach)]
Weekday = Annotated[int, Field(strict=True, ge=1, le=7)]


class Schedule(Input):
    """When it begins, and in which hours it may speak. `{}`: at once, whatever the hour.

    `at` and `until` without an offset are read in `zone`. With `local`, whatever the clock says is meant in each
    person's own zone, and in `zone` for those whose zone nobody knows. A person's quiet hours are those of their zone.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"cron": "0 9 * * MON-FRI", "zone": "Europe/Zurich", "quiet_from": "21:00", "quiet_to": "08:00"}
            ]
        }
    )

    at: Moment | None = Field(None, description="Once, at this time.")
    cron: Cron | None = Field(None, description="Again and again: minute, hour, day, month, weekday.")
    until: Moment | None = Field(None, description="No repetition begins later.")
    zone: Zone = "UTC"
    local: StrictBool = Field(False, description="In each person's own time zone: their attribute `timezone`.")
    per_hour: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = Field(
        None, description="At most so many people an hour, evenly, quiet hours left out."
    )
    quiet_from: Hour | None = Field(None, description="From then on nobody is disturbed; they are told at `quiet_to`.")
    quiet_to: Hour | None = None
    weekdays: list[Weekday] | None = Field(
        None, min_length=1, max_length=7, description="Only on these days, 1 for Monday; the others carry over."
    )
    grace_minutes: Annotated[int, Field(strict=True, ge=0, le=10_080)] = Field(
        60, description="How late it may begin if Parley was down at its time; later, that time is skipped."
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.at is not None and self.cron is not None:
            raise ValueError("give `at` for once, or `cron` for again and again")
        if self.until is not None and self.cron is None:
            raise ValueError("`until` ends a `cron`; give one, or leave it out")
        if self.local and self.is_now:
            raise ValueError("`local` says in whose zone `at` or `cron` is meant; give one of them")
        if self.local and self.at is not None and self.at.tzinfo is not None:
            raise ValueError("with `local`, write `at` without an offset: 2026-12-24T18:00")
        if (self.quiet_from is None) != (self.quiet_to is None) or (
            self.quiet_from and self.quiet_from == self.quiet_to
        ):
            raise ValueError("quiet hours have a `quiet_from` and another time as their `quiet_to`")
        return self

    @property
    def is_now(self) -> bool:
        """Whether it begins when somebody starts it."""
        return self.at is None and self.cron is None


def next_time(schedule: Schedule, after: datetime) -> datetime | None:
    """The first moment after this one at which it begins; None where there is none, and for what begins at once.

    With `local` that is when the time comes first anywhere; `due_for` says when it comes to a person.
    """
    found: datetime | None = None
    if schedule.at is not None:
        found = _begin(schedule, schedule.at)
    elif schedule.cron is not None and schedule.local:
        clock = (after + EASTERNMOST).astimezone(UTC)
        found = _following(schedule.cron, clock)
        found = None if found is None else found - EASTERNMOST
    elif schedule.cron is not None:
        found = _following(schedule.cron, after.astimezone(_zone(schedule.zone)))
    if found is None or found <= after or (schedule.until is not None and found > _begin(schedule, schedule.until)):
        return None
    return found


def due_time(schedule: Schedule, planned: datetime, now: datetime) -> datetime | None:
    """Of what was planned up to now, the last time that it is not too late for: so an outage is made up for once.

    None: all of them are to be skipped.
    """
    grace = max(PUNCTUAL, timedelta(minutes=schedule.grace_minutes))
    due = planned if now - planned <= grace else None
    following = next_time(schedule, max(planned, now - grace - MOMENT))
    while following is not None and following <= now:
        due, following = following, next_time(schedule, following)
    return due


def due_for(schedule: Schedule, planned: datetime, zone: str | None) -> datetime:
    """When somebody in this zone is told in the run that was planned for that moment; unknown zones are `zone`'s."""
    theirs = zone if zone is not None and is_zone(zone) else schedule.zone
    if schedule.local:
        planned = _moment((planned + EASTERNMOST).astimezone(UTC).replace(tzinfo=None), theirs)
    return allowed_at(schedule, planned, theirs)


def allowed_at(schedule: Schedule, moment: datetime, zone: str) -> datetime:
    """The first moment, this one or a later, at which nobody in this zone is disturbed."""
    while (reopens := _reopens(schedule, moment, zone)) is not None:
        moment = reopens
    return moment


def drip(schedule: Schedule, start: datetime, zone: str) -> Iterator[datetime]:
    """The moments at which one person after another is told: evenly, `per_hour` of them, in allowed hours alone."""
    pause = timedelta(hours=1) / (schedule.per_hour or 1)
    moment = start
    while True:
        moment = allowed_at(schedule, moment, zone)
        yield moment
        if schedule.per_hour is not None:
            moment += pause


def _reopens(schedule: Schedule, moment: datetime, zone: str) -> datetime | None:
    """When the quiet ends in which this moment lies, as far as one clock can say; None when it lies in none."""
    local = moment.astimezone(_zone(zone))
    if schedule.weekdays is not None and local.isoweekday() not in schedule.weekdays:
        return _next_showing(time(), moment, zone, local.replace(tzinfo=None) + timedelta(days=1))
    if schedule.quiet_from is None or schedule.quiet_to is None:
        return None
    begin, end, now = time.fromisoformat(schedule.quiet_from), time.fromisoformat(schedule.quiet_to), local.time()
    is_quiet = begin <= now < end if begin < end else now >= begin or now < end
    if not is_quiet:
        return None
    day = local.replace(tzinfo=None) + timedelta(days=0 if now < end else 1)
    return _next_showing(end, moment, zone, day)


def _next_showing(clock: time, after: datetime, zone: str, day: datetime) -> datetime:
    wall = datetime.combine(day.date(), clock)
    first = _moment(wall, zone)
    # In the hour that is shown twice the first showing may be over.
    return first if first > after else wall.replace(tzinfo=_zone(zone), fold=1).astimezone(UTC)


def _begin(schedule: Schedule, clock: datetime) -> datetime:
    if clock.tzinfo is not None:
        return clock.astimezone(UTC)
    return clock.replace(tzinfo=UTC) - EASTERNMOST if schedule.local else _moment(clock, schedule.zone)


def _moment(wall: datetime, zone: str) -> datetime:
    """When clocks in this zone show this; or, where they leave it out, when they go on."""
    there = _zone(zone)
    before, after = (wall.replace(tzinfo=there, fold=fold).astimezone(UTC) for fold in (0, 1))
    if before <= after:
        return before
    # Clocks were put forward between the two readings.
    shift = before.astimezone(there).utcoffset()
    early, late = after, before
    while late - early > MOMENT:
        middle = early + (late - early) // 2
        early, late = (early, middle) if middle.astimezone(there).utcoffset() == shift else (middle, late)
    return late.replace(microsecond=0)


def _following(cron: str, after: datetime) -> datetime | None:
    try:
        return next(CronSim(cron, after)).astimezone(UTC)
    except StopIteration:
        return None
