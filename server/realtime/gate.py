"""The order of one channel on one node: what may be delivered now, and what is missing. Knows no listener."""

from __future__ import annotations

from collections.abc import Sequence

from server.realtime.seam import Motion, News, Position, Publication

EARLY = 1_000  # publications kept while the gap before them is read; later ones are dropped and read as well
EARLY_BYTES = 1_048_576
NOWHERE = Position("", 0)


class Torn(Exception):
    """The stream is another one than before: whoever listens must start anew."""


class Gate:
    """Lets a publication pass if its offset is the next one. An older one is a duplicate, a newer one waits.

    It is closed until it knows where the channel stands. While it is behind, the missing part has to be read from
    where the truth is, and given to `fill`; that heals whatever was lost, doubled or turned round on the way here.
    """

    __slots__ = ("_early", "_early_bytes", "_rumour", "epoch", "offset", "seen")

    def __init__(self) -> None:
        self.epoch: str | None = None
        self.offset = 0
        self.seen = 0
        self._rumour = NOWHERE
        self._early: dict[int, Publication] | None = None
        self._early_bytes = 0

    @property
    def is_open(self) -> bool:
        return self.epoch is not None

    @property
    def is_behind(self) -> bool:
        """Whether a publication is known that has not passed."""
        return self.seen > self.offset

    @property
    def position(self) -> Position:
        return Position(self.epoch or "", self.offset)

    def open(self, at: Position) -> None:
        """Begin after `at`; what was heard of since it was read counts as missing."""
        self.epoch, self.offset, self.seen = at.epoch, at.offset, at.offset
        if self._rumour.epoch == at.epoch:
            self.seen = max(at.offset, self._rumour.offset)
        self._forget()

    def close(self) -> None:
        """Know nothing any more."""
        self.epoch, self.offset, self.seen = None, 0, 0
        self._rumour = NOWHERE
        self._forget()

    def offer(self, epoch: str, news: Sequence[News]) -> list[News]:
        """Take what the bus brought and return what may be delivered, in order; raises Torn."""
        if self.epoch is None:
            if offset := max((each.offset for each in news), default=0):
                self._rumour = Position(epoch, offset)
            return []
        ready: list[News] = []
        for each in news:
            if isinstance(each, Motion) or not each.offset:
                ready.append(each)
            elif epoch != self.epoch:
                raise Torn
            elif each.offset == self.offset + 1:
                self.offset = each.offset
                ready.append(each)
                if self._early:
                    self._release(ready)
            elif each.offset > self.offset:
                self._keep(each)
        self.seen = max(self.seen, self.offset)
        return ready

    def notice(self, top: Position, known: int) -> None:
        """Compare with where the channel stands; `known` is the offset here before that was asked. Raises Torn."""
        if self.epoch is None:
            return
        if top.epoch != self.epoch or top.offset < known:
            raise Torn
        self.seen = max(self.seen, top.offset)

    def rumour(self, epoch: str, offset: int) -> None:
        """A publication exists that was not kept: it will have to be read."""
        if epoch == self.epoch:
            self.seen = max(self.seen, offset)

    def fill(self, rows: Sequence[Publication], through: int) -> list[News]:
        """Take what was read after `offset`; the reading is complete up to `through`, whatever offsets it shows."""
        ready: list[News] = [each for each in rows if each.offset > self.offset]
        if ready:
            self.offset = ready[-1].offset
        self.offset = max(self.offset, through)
        self.seen = max(self.seen, self.offset)
        if self._early:
            for offset in [each for each in self._early if each <= self.offset]:
                self._early_bytes -= len(self._early.pop(offset).data)
            self._release(ready)
        return ready

    def _keep(self, publication: Publication) -> None:
        self.seen = max(self.seen, publication.offset)
        if self._early is None:
            self._early = {}
        has_room = len(self._early) < EARLY and self._early_bytes + len(publication.data) <= EARLY_BYTES
        if has_room and publication.offset not in self._early:
            self._early[publication.offset] = publication
            self._early_bytes += len(publication.data)

    def _release(self, ready: list[News]) -> None:
        assert self._early is not None
        while (following := self._early.pop(self.offset + 1, None)) is not None:
            self.offset = following.offset
            self._early_bytes -= len(following.data)
            ready.append(following)

    def _forget(self) -> None:
        self._early, self._early_bytes = None, 0
