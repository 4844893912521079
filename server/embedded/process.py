"""One of our own programs as a child: the same interpreter, another command of `parley`. It ends when we end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from server.embedded.engine import tied_to_us

KILL_AFTER_SECONDS = 10.0  # on top of the time a program takes to let go of its callers


class Process:
    """`python -m server.cli <command>`, which has the given open files and nothing else of ours."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], *, files: Sequence[int] = ()
    ) -> None:
        self.name = name
        self.exit_code: int | None = None
        self._command = (sys.executable, "-m", "server.cli", *command)
        self._environment = {**os.environ, **environment}
        self._files = tuple(files)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process, while it runs; 0 when it does not, and then `exit_code` says how it ended."""
        if self._process is None:
            return 0
        self.exit_code = self._process.poll()
        return self._process.pid if self.exit_code is None else 0

    def start(self) -> None:
        """Start it; call this from the main thread, with which it lives and dies."""
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            pass_fds=self._files,
            start_new_session=True,  # a Ctrl-C at the terminal reaches us alone; we stop the children in order
            preexec_fn=tied_to_us(signal.SIGTERM),
        )

    def ask_to_stop(self) -> None:
        """Let it finish what it holds; do not wait."""
        if self.pid and self._process:
            self._process.terminate()

    def stop(self, within: float) -> None:
        """Ask, wait so long and some seconds more, and end it by force if it is still there."""
        self.ask_to_stop()
        if self._process is None:
            return
        try:
            self._process.wait(within + KILL_AFTER_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
