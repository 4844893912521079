"""Identifiers: unique, sorted by when they were made, and never the same in two processes."""

from __future__ import annotations

import multiprocessing
import time
from uuid import UUID

from server import ids


def test_they_are_version_7_and_all_different() -> None:
    some = [ids.new() for _ in range(2_000)]
    assert len(set(some)) == len(some)
    assert {(each.version, each.variant) for each in some} == {(7, "specified in RFC 4122")}


def test_they_sort_by_the_millisecond_in_which_they_were_made() -> None:
    before = ids.earliest_at(time.time() - 0.001)
    made = ids.new()
    assert before < made < ids.earliest_at(time.time() + 0.002)


def test_a_forked_process_makes_others() -> None:
    ids.new()  # so that there is a supply to inherit
    with multiprocessing.get_context("fork").Pool(1) as child:
        theirs = child.apply(_made)
    assert not {each.int & ((1 << 62) - 1) for each in theirs} & {each.int & ((1 << 62) - 1) for each in _made()}


def _made() -> list[UUID]:
    return [ids.new() for _ in range(500)]
