"""Renew the console's vendored parts by package name, through npm as it is set up: `python3 dev.py vendor`."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from server.console.pages import FILES

VENDOR = FILES / "vendor"
MANIFEST = VENDOR / "manifest.json"


def digest(file: Path) -> str:
    """What the manifest says of a file, so that a change by hand is seen."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def renew(part: dict[str, Any]) -> None:
    """Fetch the version that the manifest names and write the files that are taken out of it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", f"{part['package']}@{part['version']}"], cwd=folder, check=True)
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            archive.extractall(folder, filter="data")
        for name, taken in part["files"].items():
            text = Path(folder, "package", taken["from"]).read_text()
            text = re.sub(r"\n?//# sourceMappingURL=\S+", "", text)  # the maps stay behind
            text = re.sub(r'(from\s*)"preact"', r'\1"./preact.js"', text)  # no build step resolves bare names
            (VENDOR / name).write_text(text.rstrip() + "\n")
            taken["sha256"] = digest(VENDOR / name)


def main() -> None:
    """Every part, at the version that the manifest names."""
    parts = json.loads(MANIFEST.read_text())
    for part in parts:
        renew(part)
    MANIFEST.write_text(json.dumps(parts, indent=2) + "\n")


if __name__ == "__main__":
    main()
