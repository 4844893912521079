"""dev.py and the Makefile: the same habits, and a first word to everybody, however old their Python."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import dev

ROOT = Path(__file__).resolve().parents[2]


def test_make_knows_every_habit() -> None:
    named = re.search(r"^HABITS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert named is not None
    assert named[1].split() == list(dev.HABITS)


def test_every_habit_says_what_it_does() -> None:
    assert [name for name, habit in dev.HABITS.items() if not habit.__doc__] == []


def test_an_old_python_gets_as_far_as_the_advice() -> None:
    ast.parse((ROOT / "dev.py").read_text(), feature_version=(3, 8))


def test_a_lock_is_known_by_its_content() -> None:
    marks = {dev.fingerprint(name) for name in (dev.RUN_LOCK, dev.DEV_LOCK, dev.UV_LOCK)}
    assert len(marks) == 3
