"""What one client missed, put together from what is read and what is heard meanwhile. Knows no channel."""

from __future__ import annotations

from collections.abc import Sequence

from server.realtime.seam import Publication

HEARD = 1_000  # publications kept while the rest is read; with more the end is read once more


class Recovery:
    """Listen first, read second, merge by offset: begun before the reading, so that nothing falls between the two."""

    __slots__ = ("_heard", "_since", "_start", "is_deaf", "read_bytes", "rows")

    def __init__(self, since: int, start: int) -> None:
        """`start` is where the reading begins: no later than `since`."""
        self._since = since
        self._start = start
        self._heard: list[Publication] = []
        self.rows: list[Publication] = []
        self.read_bytes = 0
        self.is_deaf = False

    @property
    def at(self) -> int:
        """Where the reading stands."""
        return self.rows[-1].offset if self.rows else self._start

    def listen_anew(self) -> None:
        """More was heard than could be kept: forget it, it is going to be read."""
        self._heard, self.is_deaf = [], False

    def read(self, rows: Sequence[Publication]) -> None:
        """Take one page, read after `at`."""
        self.rows += rows
        self.read_bytes += sum(len(each.data) for each in rows)

    def hear(self, publications: Sequence[Publication]) -> None:
        """Take what passed the gate meanwhile."""
        if len(self._heard) + len(publications) > HEARD:
            self.is_deaf = True
        else:
            self._heard += publications

    def merged(self) -> list[Publication]:
        """Everything after `since`, ascending, once."""
        at = max(self.at, self._since)
        missed = [each for each in self.rows if each.offset > self._since]
        return missed + [each for each in self._heard if each.offset > at]
