"""One Redis that carries every channel. Knows no subscription."""

from __future__ import annotations

from server.address import Address
from server.realtime.line import PLAIN, Line, Owner


class Single:
    """What a cluster of one would be, without slots and maps."""

    def __init__(self, address: Address, owner: Owner) -> None:
        self._line = Line(address, PLAIN, owner)
        self.begin, self.close = self._line.begin, self._line.close

    @property
    def is_up(self) -> bool:
        return self._line.is_up

    def of(self, _: bytes) -> Line:
        return self._line

    def say(self, name: bytes, payload: bytes) -> bool:
        return self._line.say(name, payload)

    def doubt(self, line: Line, _: set[int]) -> None:
        """A lone Redis moves nothing: whatever it meant, everything has to be ordered again."""
        line.hang_up("subscriptions ended")

    def went(self, line: Line) -> None:
        """It comes back by itself."""
