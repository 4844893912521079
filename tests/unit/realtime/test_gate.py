"""The offset gate: whatever the bus does, a listener hears every offset once and in order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.realtime import gate as gates
from server.realtime.gate import Gate, Torn
from server.realtime.seam import News, Position, Publication


def told(*offsets: int) -> list[Publication]:
    return [Publication(each, b"{}") for each in offsets]


def offsets(publications: Sequence[News]) -> list[int]:
    return [each.offset for each in publications]


@pytest.fixture
def gate() -> Gate:
    opened = Gate()
    opened.open(Position("e", 5))
    return opened


def test_the_next_passes_and_the_older_does_not(gate: Gate) -> None:
    assert offsets(gate.offer("e", told(4, 5, 6, 6, 7))) == [6, 7]
    assert not gate.is_behind


def test_a_newer_one_waits_for_what_lies_between(gate: Gate) -> None:
    assert gate.offer("e", told(8, 9)) == []
    assert gate.is_behind
    assert offsets(gate.offer("e", told(6, 7))) == [6, 7, 8, 9]
    assert not gate.is_behind


def test_a_gap_is_filled_from_the_rows(gate: Gate) -> None:
    gate.offer("e", told(8))
    assert offsets(gate.fill(told(6, 7, 8), through=8)) == [6, 7, 8]
    assert not gate.is_behind


def test_a_complete_reading_moves_the_gate_over_offsets_that_edits_left(gate: Gate) -> None:
    gate.offer("e", told(9))
    assert offsets(gate.fill(told(7, 9), through=9)) == [7, 9]
    assert offsets(gate.offer("e", told(6, 8, 10))) == [10]


def test_what_came_while_the_rows_were_read_follows(gate: Gate) -> None:
    gate.offer("e", told(8))
    goal = gate.seen
    gate.offer("e", told(9, 11))
    assert offsets(gate.fill(told(6, 8), through=goal)) == [6, 8, 9]
    assert gate.is_behind


def test_an_event_without_offset_passes_at_once(gate: Gate) -> None:
    assert offsets(gate.offer("e", told(0, 9, 0))) == [0, 0]


def test_another_epoch_tears_the_stream(gate: Gate) -> None:
    with pytest.raises(Torn):
        gate.offer("f", told(6))
    with pytest.raises(Torn):
        gate.notice(Position("f", 9), known=5)


def test_a_stream_that_went_back_is_another_one(gate: Gate) -> None:
    with pytest.raises(Torn):
        gate.notice(Position("e", 4), known=5)
    gate.notice(Position("e", 5), known=5)
    assert not gate.is_behind


def test_a_top_read_before_the_gate_moved_is_no_alarm(gate: Gate) -> None:
    known = gate.offset
    gate.offer("e", told(6, 7))
    gate.notice(Position("e", 6), known)
    assert not gate.is_behind


def test_what_is_heard_before_it_opens_counts_as_missing() -> None:
    gate = Gate()
    assert gate.offer("e", told(7)) == []
    gate.open(Position("e", 5))
    assert gate.is_behind
    gate = Gate()
    gate.offer("old", told(700))
    gate.open(Position("e", 5))
    assert not gate.is_behind


def test_early_ones_are_bounded_and_still_not_lost(gate: Gate) -> None:
    top = gates.EARLY + 100
    for offset in range(7, 7 + top):
        gate.offer("e", told(offset))
    passed = offsets(gate.offer("e", told(6)))
    assert passed == list(range(6, 7 + gates.EARLY))
    assert gate.is_behind
    rest = offsets(gate.fill(told(*range(passed[-1] + 1, 7 + top)), through=6 + top))
    assert passed + rest == list(range(6, 7 + top))


def test_early_bytes_are_bounded(gate: Gate) -> None:
    for offset in range(7, 60):
        gate.offer("e", [Publication(offset, b"x" * 100_000)])
    assert len(gate.offer("e", told(6))) == 11
    assert gate.seen == 59


@settings(max_examples=500)
@given(st.data())
def test_every_offset_once_and_in_order(data: st.DataObject) -> None:
    """Random loss, doubling and disorder; the gap is read now and then, as a page or as a whole."""
    top = data.draw(st.integers(1, 25))
    start = data.draw(st.integers(0, top))
    gate = Gate()
    heard: list[int] = []
    news = data.draw(st.lists(st.integers(1, top), max_size=60))
    gate.open(Position("e", start))
    for offset in news:
        heard += offsets(gate.offer("e", told(offset)))
        if gate.is_behind and data.draw(st.booleans()):
            page = data.draw(st.integers(1, 30))
            goal, rows = gate.seen, told(*range(gate.offset + 1, top + 1))[:page]
            heard += offsets(gate.fill(rows, goal if len(rows) < page else 0))
    gate.notice(Position("e", top), gate.offset)
    heard += offsets(gate.fill(told(*range(gate.offset + 1, top + 1)), through=gate.seen))
    assert heard == list(range(start + 1, top + 1))
    assert not gate.is_behind
