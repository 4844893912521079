"""CPU time from the operating system, to the nanosecond: of one process, or of a process and all its children."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def of_process(pid: int) -> float:
    """Seconds that all threads of a process have run, in user and kernel mode."""
    total = 0
    for task in (PROC / str(pid) / "task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            continue  # the thread ended while we looked
    return total / 1e9


def of_family(pid: int) -> dict[int, float]:
    """The same for a process and its direct children, by pid: PostgreSQL is one process a connection."""
    seconds = {}
    for member in (pid, *_children(pid)):
        try:
            seconds[member] = of_process(member)
        except OSError:
            continue
    return seconds


def spent(before: dict[int, float], after: dict[int, float]) -> float:
    """Seconds between two looks at a family; who ended in between is left out."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def _children(pid: int) -> Iterator[int]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                yield int(entry.name)
