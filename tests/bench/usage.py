"""What one process has used: CPU in user and in kernel mode apart, and resident memory. From the operating system."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.bench.cpu import NANO, PROC, ran


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of CPU in all, and the part of them in user mode."""

    total: float
    user: float

    def __sub__(self, other: Usage) -> Usage:
        return Usage(self.total - other.total, self.user - other.user)

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.total + other.total, self.user + other.user)


def usage(pids: Iterable[int]) -> Usage:
    """Of these processes with all their threads, so far.

    The sum is counted to the nanosecond; the kernel tells the two modes apart by looking every few milliseconds, so
    the user part is as good as the measurement is long.
    """
    return sum((_of(pid) for pid in pids), Usage(0.0, 0.0))


def resident(pid: int) -> int:
    """Bytes of memory that the process occupies now."""
    for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel tells no Rss")


def _of(pid: int) -> Usage:
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    total = ran(pid) * NANO
    return Usage(total, total * user / max(1, user + system))
