"""Engines that outlived their launcher, told from strangers and from the dead. Knows pids and commands, no engine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

PROC = Path("/proc")
POLL_SECONDS = 0.02
STOP_SECONDS = 10.0


def command_of(pid: int) -> str | None:
    """The command line of a living process; None for one that is gone or a zombie, which only looks alive."""
    if PROC.joinpath("self").exists():
        try:
            # The name in brackets may hold spaces and brackets itself, so the state is looked for from the right.
            state = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
            command = (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return None
        return None if state in "ZX" else command
    said = subprocess.run(["ps", "-o", "state=,command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, command = said.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else command


def end(pid_file: Path, argument: str, signals: Sequence[signal.Signals]) -> None:
    """Stop the process that the file names if its command holds the argument, then remove the file.

    A pid may have gone to a stranger since: whoever's command does not match is left alone. TimeoutError when it stays.
    """
    try:
        pid = int(pid_file.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        pid = 0
    if pid > 1 and _is_ours(pid, argument):
        _stop(pid, argument, signals)
    # PostgreSQL and Valkey would take the pid of a zombie or a stranger in this file for a server that runs.
    pid_file.unlink(missing_ok=True)


def _is_ours(pid: int, argument: str) -> bool:
    command = command_of(pid)
    return command is not None and f" {argument} " in f"{command} "


def _stop(pid: int, argument: str, signals: Sequence[signal.Signals]) -> None:
    for number in signals:
        with contextlib.suppress(ProcessLookupError):  # it has just gone by itself
            os.kill(pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if not _is_ours(pid, argument):
                return
            time.sleep(POLL_SECONDS)
    raise TimeoutError(
        f"process {pid} is an engine of an earlier run and does not stop; end it yourself: kill -9 {pid}"
    )
