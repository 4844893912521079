"""What the console brings along is what its publishers made: nobody changes it by hand."""

from __future__ import annotations

import hashlib
import json

from server.console.pages import FILES

VENDOR = FILES / "vendor"
LINES = 300


def test_every_vendored_file_is_as_the_manifest_says() -> None:
    parts = json.loads((VENDOR / "manifest.json").read_text())
    named = {name: taken["sha256"] for part in parts for name, taken in part["files"].items()}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.iterdir() if path.suffix != ".json"
    }
    assert found == named
    assert all(f"{part['package']}.LICENSE.txt" in named for part in parts)


def test_our_own_scripts_fit_in_one_sitting() -> None:
    ours = [path for path in FILES.rglob("*.js") if VENDOR not in path.parents]
    assert ours
    assert [path.name for path in ours if len(path.read_text().splitlines()) > LINES] == []
