"""Pauses grow, are spread, and last about a day together."""

from __future__ import annotations

import random
from itertools import pairwise

from server.hooks.schedule import Patience

CHANCE = random.Random(7)


def test_pauses_grow_to_six_hours_and_are_never_equal() -> None:
    pauses = [Patience().pause(failures, CHANCE) for failures in range(1, 12)]
    assert 4.0 <= pauses[0] <= 6.0
    assert all(4 / 3 * before < after for before, after in pairwise(pauses[:8]))
    assert max(pauses) <= 21_600 * 1.2
    assert len({Patience().pause(3, CHANCE) for _ in range(50)}) > 40


def test_a_receiver_may_ask_for_more_and_not_for_ever() -> None:
    assert Patience().pause(1, CHANCE, 600.0) == 600.0
    assert Patience().pause(8, CHANCE, 1.0) > 1000.0
    assert Patience().pause(1, CHANCE, 1e12) == 21_600.0
