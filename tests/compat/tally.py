"""Runs in the suite's own folder, as a script of theirs: their tests, and a count of them by flavour.

`python tally.py <pattern> <report>`: what unittest says goes to stderr, the count as JSON into the report. Knows
nothing of ours, whose `tests` would stand where theirs do.
"""

from __future__ import annotations

import collections
import json
import sys
import unittest
from pathlib import Path
from typing import Any

from typing_extensions import override

FLAVOURS: dict[object, str] = {False: "json", True: "protobuf"}


class Tally(unittest.TextTestResult):
    """Counts what passed in each flavour: their tests go through both as subtests."""

    def __init__(self, *words: Any, **more: Any) -> None:
        super().__init__(*words, **more)
        self.passed: collections.Counter[str] = collections.Counter()

    @override
    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        flavour = FLAVOURS.get(getattr(subtest, "params", {}).get("use_protobuf"))
        if err is None and flavour:
            self.passed[flavour] += 1


def main() -> None:
    """Run what the pattern names, and write down what came of it."""
    pattern, report = sys.argv[1:]
    found = unittest.defaultTestLoader.discover("tests", pattern, top_level_dir=".")
    result = unittest.TextTestRunner(resultclass=Tally, verbosity=2).run(found)
    assert isinstance(result, Tally)
    failed = [str(test) for test, _ in [*result.failures, *result.errors]]
    skipped = [f"{test}: {reason}" for test, reason in result.skipped]
    told = {"tests": result.testsRun, "passed": result.passed, "failed": failed, "skipped": skipped}
    Path(report).write_text(json.dumps(told))


if __name__ == "__main__":
    main()
