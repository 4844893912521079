"""The arithmetic of a pace: never faster than the rate, never slower than it has to be."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as any_

from server.pacing.pace import MICROSECONDS, Rate, reserve

pytestmark = pytest.mark.unit

NOW = 1_800_000_000 * MICROSECONDS
FOREVER = 10**15
RATES = any_.builds(Rate, any_.integers(1, 50), any_.floats(0.5, 3600), any_.integers(1, 20))


def test_a_burst_goes_at_once_and_the_next_waits_for_its_turn() -> None:
    rate, slot = Rate(count=10, seconds=60, burst=3), None
    for _ in range(3):
        booked, (slot,) = reserve([slot], [rate], NOW, 0)
        assert (booked.granted, booked.wait_microseconds) == (True, 0)
    refused, (untouched,) = reserve([slot], [rate], NOW, 0)
    assert (refused.granted, refused.wait_seconds, untouched) == (False, 6.0, slot)
    again, _ = reserve([slot], [rate], NOW + refused.wait_microseconds, 0)
    assert again.granted


def test_the_slowest_key_decides() -> None:
    fast, slow = Rate(count=100, seconds=1, burst=1), Rate(count=1, seconds=60, burst=1)
    _, slots = reserve([None, None], [fast, slow], NOW, 0)
    refused, _ = reserve(slots, [fast, slow], NOW + MICROSECONDS, 0)
    assert refused.wait_seconds == 59.0


@given(rate=RATES, gaps=any_.lists(any_.integers(0, 10 * MICROSECONDS), min_size=2, max_size=60))
def test_no_window_holds_more_than_the_burst_and_what_the_rate_gives(rate: Rate, gaps: list[int]) -> None:
    at, slot, sent = NOW, None, list[int]()
    for gap in gaps:
        at += gap
        booked, (slot,) = reserve([slot], [rate], at, FOREVER)
        sent.append(at + booked.wait_microseconds)
    for first, last in itertools.combinations(range(len(sent)), 2):
        window = max(sent[first : last + 1]) - min(sent[first : last + 1])
        assert last - first + 1 <= rate.burst + window // rate.interval


@given(
    rate=RATES,
    before=any_.lists(any_.integers(0, 10 * MICROSECONDS), min_size=1, max_size=30),
    after=any_.lists(any_.integers(0, 10 * MICROSECONDS), min_size=1, max_size=30),
)
def test_who_forgets_everything_lets_no_more_through_than_who_remembers(
    rate: Rate, before: list[int], after: list[int]
) -> None:
    at, slot, sent = NOW, None, list[int]()
    for gap in before:
        at += gap
        booked, (slot,) = reserve([slot], [rate], at, 0, NOW)
        sent += [at] if booked.granted else []
    slot, began = None, at
    for gap in after:
        at += gap
        booked, slots = reserve([slot], [rate], at, 0, began)
        slot = slots[0] if booked.granted else slot
        sent += [at] if booked.granted else []
    for first, last in itertools.combinations(range(len(sent)), 2):
        assert last - first + 1 <= rate.burst + (sent[last] - sent[first]) // rate.interval


@given(rate=RATES, waits=any_.lists(any_.integers(0, 3), min_size=1, max_size=30))
def test_whoever_waits_as_long_as_told_is_let_in(rate: Rate, waits: list[int]) -> None:
    now, slot = NOW, None
    for eagerness in waits:
        for _ in range(eagerness * rate.burst):
            _, (slot,) = reserve([slot], [rate], now, 0)
        told, _ = reserve([slot], [rate], now, 0)
        now += told.wait_microseconds
        booked, (slot,) = reserve([slot], [rate], now, 0)
        assert booked.granted


@pytest.mark.parametrize(("count", "seconds", "burst"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_a_rate_that_is_none_is_refused(count: int, seconds: float, burst: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Rate(count, seconds, burst)
