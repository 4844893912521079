"""A whole Parley as its owner runs it: the command in a process of its own, on a folder and a port of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from server.embedded.orphan import command_of
from tests.eventually import eventually

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0  # five interpreters and two engines, on a machine where all tests run at once


class Installation:
    """`parley up`, started as often as a test likes. All that it says is kept."""

    def __init__(self, folder: Path, *, log: str = "log", **settings: str) -> None:
        self.data_dir = folder / "data"
        self._settings = {"DATA_DIR": str(self.data_dir), "PORT": "0", "DRAIN_SECONDS": "1", **settings}
        self._log = folder / log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def said(self) -> str:
        return self._log.read_text()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *command: str) -> None:
        """Start and do not wait. Each start begins a new log."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server.cli", *(command or ("up",))],
                cwd=ROOT,
                env={**os.environ, **self._settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def beside(self, *command: str, **settings: str) -> Installation:
        """Another command on the same folder and settings, started, with a log of its own."""
        other = Installation(self.data_dir.parent, log=f"{command[0]}.log", **{**self._settings, **settings})
        other.start(*command)
        return other

    async def ready(self) -> str:
        """The address, as soon as it says that it is ready."""
        found = await eventually(self._announced, within=PATIENCE_SECONDS)
        return found[1]

    async def ended(self) -> int:
        """Its exit code, as soon as it has one."""
        process = self._process
        assert process is not None
        await eventually(lambda: process.poll() is not None, within=PATIENCE_SECONDS)
        return process.returncode

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end as a terminal or a service manager would; its exit code."""
        os.kill(self.pid, number)
        return await self.ended()

    async def cut_the_power(self) -> None:
        """Everything that it has started ends at once, and nothing of it can say a word."""
        everything = [self.pid, *self.descendants(self.pid)]
        for pid in everything:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # its parent was first
        await self.ended()
        await eventually(lambda: all(command_of(pid) is None for pid in everything))

    def descendants(self, parent: int) -> list[int]:
        """Children and their children, as the machine lists them now."""
        said = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
        pairs = [(int(pid), int(ppid)) for pid, ppid in (line.split() for line in said.stdout.splitlines())]
        children = [pid for pid, ppid in pairs if ppid == parent]
        return [*children, *(below for child in children for below in self.descendants(child))]

    def _announced(self) -> re.Match[str] | None:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"it ended with {self._process.returncode}:\n{self.said}")
        return re.search(r"^Parley (?:is ready|serves) at (\S+)$", self.said, re.MULTILINE)
