"""centrifuge-python's own tests: unpacked, pointed at a server of ours, and run in a process of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dev

ROOT = Path(__file__).resolve().parents[2]
ARCHIVE = dev.suite()[1]
EVERYTHING, LIVE = "test*.py", "test_client.py"  # the one file of theirs that talks to a server
THEIR_PORT = 8000  # their tests know no other
SUITE_SECONDS = 180.0  # they wait for some things without an end
STOP_SECONDS = 15.0
NOTHING: dict[str, Any] = {"tests": 0, "passed": {}, "failed": ["it did not come to an end"], "skipped": []}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run: how many tests there were, and how many passed as subtests of each flavour."""

    tests: int
    passed: dict[str, int]
    failed: list[str]
    skipped: list[str]
    said: str
    server_said: str

    @property
    def is_good(self) -> bool:
        """Whether all passed, none was left out, and the server found nothing to complain about."""
        return bool(self.tests) and not self.failed and not self.skipped and not self.server_said


def run(redis_url: str, pattern: str, port: int) -> Outcome:
    """Start a server on this port, 0 for any, and run those of their tests that the pattern names against it."""
    with tempfile.TemporaryDirectory(prefix="parley-suite-") as folder, _server(redis_url, port) as (found, complaints):
        suite = _unpacked(Path(folder))
        if found != THEIR_PORT:
            _readdress(suite, found)
        report = Path(folder) / "report.json"
        said = _run(suite, pattern, report)
        told = json.loads(report.read_text()) if report.exists() else NOTHING
        return Outcome(**told, said=said, server_said=complaints.read_text())


def _unpacked(folder: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder / ARCHIVE.name.removesuffix(".tar.gz")


def _readdress(suite: Path, port: int) -> None:
    """Their address is written out in each test; in this copy it is another port, and nothing else changes."""
    for path in suite.glob("tests/*.py"):
        text = path.read_text()
        path.write_text(text.replace(f"localhost:{THEIR_PORT}", f"localhost:{port}"))


def _run(suite: Path, pattern: str, report: Path) -> str:
    words = [sys.executable, "-P", str(Path(__file__).with_name("tally.py")), pattern, str(report)]
    log = report.with_suffix(".log")
    with log.open("w") as told:
        try:
            subprocess.run(
                words,
                cwd=suite,
                env=dict(os.environ, PYTHONPATH=str(suite)),
                stdout=told,
                stderr=subprocess.STDOUT,
                timeout=SUITE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            told.write(f"\nended after {SUITE_SECONDS:g} seconds")
    return log.read_text(errors="replace")


@contextmanager
def _server(redis_url: str, port: int) -> Iterator[tuple[int, Path]]:
    """A server process of ours: its port, and the file with its complaints."""
    with socket.create_server(("127.0.0.1", port)) as listening, tempfile.NamedTemporaryFile("w") as complaints:
        words = [sys.executable, "-m", "tests.compat.server", redis_url, str(listening.fileno())]
        process = subprocess.Popen(words, cwd=ROOT, pass_fds=[listening.fileno()], stderr=complaints)
        try:
            yield listening.getsockname()[1], Path(complaints.name)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
