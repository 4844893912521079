"""The tree says what to install, never from where: whoever installs has an index of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {"node_modules", "__pycache__"}
HIDDEN = (".ci/run", ".env.example", ".dockerignore", ".gitignore")
TEXT = {".py", ".toml", ".lock", ".yaml", ".yml", ".json", ".md", ".txt", ".ini", ".mjs", ".js", ".html", ".cfg", ""}
# In two pieces each, or this file would name them.
REGISTRIES = [
    "py" + "pi.org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "npm" + "js.com",
    "yarn" + "pkg.com",
    "proxy.golang" + ".org",
]


def tree() -> Iterator[Path]:
    for path in [*ROOT.iterdir(), *(ROOT / name for name in HIDDEN)]:
        if path.is_dir() and not path.name.startswith("."):
            yield from (file for file in path.rglob("*") if file.is_file() and not SKIPPED & set(file.parts))
        elif path.is_file() and (not path.name.startswith(".") or path.name in HIDDEN):
            yield path


def test_no_file_names_a_registry() -> None:
    texts = [(path, path.read_text(errors="replace")) for path in tree() if path.suffix in TEXT]
    assert [(str(path), host) for path, text in texts for host in REGISTRIES if host in text] == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.lock")), ids=lambda path: path.name)
def test_a_lock_pins_by_hash_and_holds_no_address(path: Path) -> None:
    text = path.read_text()
    assert "://" not in text
    pinned = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert pinned
    assert all("==" in line and line.endswith("\\") for line in pinned)


@pytest.mark.parametrize("path", sorted(ROOT.glob("tests/*/package-lock.json")), ids=str)
def test_a_node_lock_holds_hashes_and_no_address(path: Path) -> None:
    packages = json.loads(path.read_text())["packages"]
    assert [name for name, package in packages.items() if "://" in package.get("resolved", "")] == []
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []
