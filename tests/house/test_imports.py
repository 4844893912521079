"""A server process loads nothing that only workers and the bot process need."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["telegram", "markdown_it", "httpx"])
def test_a_server_starts_without(package: str) -> None:
    program = f"import sys, server.main, server.serving; print({package!r} in sys.modules)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
