"""One engine as our child: started, awaited, stopped in order, gone when we are gone. Knows no engine by name."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from server.embedded.home import Home
from server.embedded.where import EngineFailed

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.01
START_SECONDS = 60.0  # recovery after a crash replays the log; a full one takes tens of seconds on a slow disk
RETRY_SECONDS = 10.0  # the children of a killed PostgreSQL hold its memory for one to two seconds more
STOP_SECONDS = 20.0
LOG_BYTES = 10_000_000
TAIL_LINES = 12


class Engine(ABC):
    """A database server that belongs to this process. Call every verb from the main thread.

    Linux tells a child of its parent's death when the *thread* that made it ends, so a helper thread would stop it.
    """

    name: str
    stop_signals: tuple[signal.Signals, ...]

    def __init__(self, home: Home) -> None:
        self.home = home
        self._process: subprocess.Popen[bytes] | None = None
        logs = home.root / "logs"
        logs.mkdir(mode=0o700, exist_ok=True)
        self.log = logs / f"{self.name.lower()}.log"

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments."""

    @abstractmethod
    def prepare(self) -> None:
        """Bring the folder into a state in which the command can start; the engine does not run."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves now."""

    @property
    def pid(self) -> int:
        """The process, while it runs; 0 when it does not."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def start(self) -> None:
        """Start and return when it serves; EngineFailed, with the end of its log, when it does not come up."""
        try:
            self.prepare()
        except TimeoutError as error:
            raise EngineFailed(str(error)) from error
        began = time.monotonic()
        self._process = self._spawn()
        while not self.answers():
            if self._process.poll() is not None:
                if not self.may_retry() or time.monotonic() - began > RETRY_SECONDS:
                    raise EngineFailed(f"{self.name} does not start. The end of {self.log}:\n{self._tail()}")
                time.sleep(POLL_SECONDS * 20)
                self._process = self._spawn()
            if time.monotonic() - began > START_SECONDS:
                self.kill()
                raise EngineFailed(f"{self.name} does not answer after {START_SECONDS:.0f} s; read {self.log}")
            time.sleep(POLL_SECONDS)

    def may_retry(self) -> bool:
        """Whether the failure that the log ends with passes by itself."""
        return False

    def stop(self) -> None:
        """Let it finish what it holds, and wait; harsher after a while. Nothing happens when it does not run."""
        for number in self.stop_signals:
            if not self.pid:
                return
            os.kill(self.pid, number)
            try:
                self._waited(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        self.kill()

    def kill(self) -> None:
        """End it without a word, as a power cut would."""
        if self._process is not None and self.pid:
            self._process.kill()
            self._process.wait()

    def wait(self) -> int:
        """Block until it ends; the one verb that another thread may call."""
        return self._process.wait() if self._process else 0

    def _waited(self, seconds: float) -> None:
        if self._process is not None:
            self._process.wait(seconds)

    def _spawn(self) -> subprocess.Popen[bytes]:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            return spawn(self.command(), home=self.home, output=log.fileno(), last_wish=self.stop_signals[0])

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-TAIL_LINES:])


def spawn(command: Sequence[str], *, home: Home, output: int, last_wish: signal.Signals) -> subprocess.Popen[bytes]:
    """A child in a session of its own, as the engines' user, that gets the signal `last_wish` when we die."""
    user = home.account
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd=home.engines,
        env=clean_environment(),
        start_new_session=True,  # a Ctrl-C at the terminal reaches us alone; we stop the engines in order
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
        preexec_fn=tied_to_us(last_wish),
    )


def clean_environment() -> dict[str, str]:
    """Ours without the variables that steer PostgreSQL's programs, and without our secrets."""
    dropped = ("PG", "SECRET", "TELEGRAM", "DATABASE", "REDIS")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def tied_to_us(last_wish: signal.Signals) -> Callable[[], None] | None:
    """What a new child calls to be told of our death. It runs after the change of user, which would undo it."""
    if sys.platform != "linux":
        return None  # no such call: the next start finds the orphan by its pid file
    libc, parent = ctypes.CDLL(None), os.getpid()

    def tie() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(last_wish))
        if os.getppid() != parent:  # we died before the call
            os._exit(1)

    return tie
