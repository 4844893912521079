"""Who measures the bursts of others knows its own pauses."""

from __future__ import annotations

import time

from tests.chaos.witness import Witness, witness
from tests.eventually import eventually

EVENLY = [number * 0.041 for number in range(100)]  # 25 in any second


def test_what_comes_evenly_is_counted_as_it_comes() -> None:
    assert Witness().peak(EVENLY, 1.0) == 25


def test_a_burst_is_seen() -> None:
    assert Witness().peak([*EVENLY, *(2.0 + number * 0.01 for number in range(10))], 1.0) > 30


def test_what_waited_while_nobody_read_is_no_burst() -> None:
    here = Witness()
    here.stood_still(1.0, 1.6)
    read = [1.6 if 1.0 < at < 1.6 else at for at in EVENLY]
    assert Witness().peak(read, 1.0) > 30
    assert here.peak(read, 1.0) <= 26


def test_what_waited_through_one_pause_and_the_next_is_no_burst() -> None:
    here = Witness()
    here.stood_still(1.0, 2.4)
    here.stood_still(2.45, 2.6)  # the backlog is read in pieces
    read = [2.6 if 1.0 < at < 2.6 else at for at in EVENLY]
    assert here.stalls == [(1.0, 2.6)]
    assert here.peak(read, 1.0) <= 26


def test_a_burst_beside_a_pause_is_still_seen() -> None:
    here = Witness()
    here.stood_still(1.0, 1.3)
    assert here.peak([3.0 + number * 0.01 for number in range(40)], 1.0) == 40


async def test_its_own_pauses_are_noticed() -> None:
    async with witness() as watching:
        await eventually(lambda: _paused(watching))


def _paused(watching: Witness) -> bool:
    time.sleep(0.06)  # the pause itself
    return bool(watching.stalls)
