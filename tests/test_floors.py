"""The floors: the import contracts hold. Not a unit test: `make check` runs the same command beside those."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_import_contracts_hold() -> None:
    contracts = Path(sys.executable).with_name("lint-imports")
    said = subprocess.run([contracts, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout
