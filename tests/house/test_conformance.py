"""docs/conformance.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"(tests/\S+\.py)::(\w+)")


def test_what_holds_the_protocol_is_there() -> None:
    named = NAMED.findall((ROOT / "docs" / "conformance.md").read_text())
    assert len(named) > 50
    missing = [
        (path, name)
        for path, name in named
        if not (ROOT / path).exists() or not re.search(rf"def {name}\(", (ROOT / path).read_text())
    ]
    assert missing == []
