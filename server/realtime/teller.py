"""What is said to every node: news of a channel, in bytes as the bus takes them. Knows no bus and no listener."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from server.realtime import news
from server.realtime.seam import News, Publication


class Teller:
    """`say` puts one payload on a channel of the bus; it never waits and never fails."""

    def __init__(self, say: Callable[[str, bytes], object]) -> None:
        self._say = say

    def announce(self, channel: str, epoch: str, told: Sequence[News]) -> None:
        """Tell every node what was committed. Never waits; what finds no room is read from the rows later."""
        for payload in news.write(epoch, told):
            self._say(channel, payload)

    def tell(self, channel: str, data: bytes) -> None:
        """Tell every node something that has no place in a stream; `data` is finished JSON."""
        self.announce(channel, "", [Publication(0, data)])

    def announce_review(self, channel: str) -> None:
        """Tell every node to ask who may still listen."""
        self._say(channel, news.REVIEW)
