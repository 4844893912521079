"""Everything gets its turn, once, and not before."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from server.realtime.wheel import Wheel


@dataclass(eq=False)
class Thing:
    due: float
    turn: int = 0


@given(st.lists(st.floats(0, 50), max_size=30), st.lists(st.floats(0, 5), min_size=20, max_size=30))
def test_turns(dues: list[float], steps: list[float]) -> None:
    wheel: Wheel[Thing] = Wheel(0.0)
    waiting = [Thing(each) for each in dues]
    for thing in waiting:
        wheel.put(thing, thing.due)
    now = 0.0
    for step in [*steps, 60.0]:
        now += step
        for thing in wheel.advance(now):
            assert thing.due <= now
            waiting.remove(thing)
        assert all(thing.due > now - 2 for thing in waiting)
    assert waiting == []


def test_what_is_taken_off_gets_no_turn() -> None:
    wheel: Wheel[Thing] = Wheel(0.0)
    thing = Thing(3.0)
    wheel.put(thing, thing.due)
    wheel.remove(thing)
    wheel.remove(thing)
    assert wheel.advance(100.0) == []
