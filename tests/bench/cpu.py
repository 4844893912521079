"""CPU time from the operating system, to the nanosecond: of one process, and of a PostgreSQL with all its children."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
NANO = 1e-9


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds between two moments: on the clock, on a core, and in the queue for one."""

    clock: float
    python: float
    postgres: float
    queued: float

    @property
    def crowding(self) -> float:
        """How much of the time in which we could run we stood in the queue: near 0 on an idle machine."""
        return self.queued / max(NANO, self.queued + self.python + self.postgres)


class Meter:
    """What a Python process and a PostgreSQL use from here on."""

    def __init__(self, python_pid: int, postgres_pid: int) -> None:
        self._python_pid, self._postgres_pid = python_pid, postgres_pid
        # Looking costs milliseconds of Python; at this end it comes before the clock starts, at the other one after.
        self._postgres = family(postgres_pid)
        self._python = _process(python_pid)
        self._began = time.perf_counter()

    def read(self) -> Spent:
        """So far. A PostgreSQL process that ended meanwhile is left out."""
        clock = time.perf_counter() - self._began
        ran, queued = _process(self._python_pid)
        python, waited = ran - self._python[0], queued - self._python[1]
        postgres = 0
        for pid, (ran, queued) in family(self._postgres_pid).items():
            before = self._postgres.get(pid, (0, 0))
            postgres, waited = postgres + ran - before[0], waited + queued - before[1]
        return Spent(clock, python * NANO, postgres * NANO, waited * NANO)


def ran(pid: int) -> int:
    """Nanoseconds that the threads of this process have run so far."""
    return _process(pid)[0]


def _process(pid: int) -> tuple[int, int]:
    """Nanoseconds that its threads have run, in user and kernel mode, and have stood in the queue for a core."""
    ran = queued = 0
    for task in (PROC / str(pid) / "task").iterdir():
        try:
            fields = (task / "schedstat").read_text().split()
        except OSError:
            continue  # the thread ended while we looked
        ran, queued = ran + int(fields[0]), queued + int(fields[1])
    return ran, queued


def family(pid: int) -> dict[int, tuple[int, int]]:
    """The same for a process and its direct children, by pid: PostgreSQL is one process a connection."""
    found = {}
    for member in (pid, *_children(pid)):
        try:
            found[member] = _process(member)
        except OSError:
            continue
    return found


def _children(pid: int) -> Iterator[int]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                yield int(entry.name)
