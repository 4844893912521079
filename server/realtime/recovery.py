"""What one client missed, put together from what is read and what is heard meanwhile. Knows no channel."""

from __future__ import annotations

from collections.abc import Sequence

from server.realtime.seam import News, Publication

HEARD = 1_000  # publications kept while the rest is read; with more the end is read once more


class Recovery:
    """Listen first, read second, merge by offset: begun before the reading, so that nothing falls between the two."""

    __slots__ = ("_heard", "_rows", "_rows_bytes", "at", "is_deaf")

    def __init__(self, since: int) -> None:
        self.at = since  # everything up to here was read or was known
        self.is_deaf = False
        self._heard: list[News] = []
        self._rows: list[Publication] = []
        self._rows_bytes = 0

    @property
    def waiting(self) -> tuple[int, int]:
        """How much was read and not taken, as publications and bytes."""
        return len(self._rows), self._rows_bytes

    def listen_anew(self) -> None:
        """Before each reading: more was heard than could be kept, so forget it; it is going to be read."""
        if self.is_deaf:
            self._heard, self.is_deaf = [], False

    def read(self, rows: Sequence[Publication]) -> None:
        """Take one page, read after `at`."""
        self._rows += rows
        self._rows_bytes += sum(len(each.data) for each in rows)
        if rows:
            self.at = rows[-1].offset

    def hear(self, news: Sequence[News]) -> None:
        """Take what passed the gate meanwhile."""
        if len(self._heard) + len(news) > HEARD:
            self.is_deaf = True
        else:
            self._heard += news

    def take(self) -> list[Publication]:
        """What was read since the last time, ascending."""
        rows, self._rows, self._rows_bytes = self._rows, [], 0
        return rows

    def take_rest(self) -> list[Publication]:
        """What was read since the last time, and what was heard after it: the end of what was missed."""
        heard = [each for each in self._heard if isinstance(each, Publication) and each.offset > self.at]
        return self.take() + heard
