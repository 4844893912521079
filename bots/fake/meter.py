"""How fast a bot may speak before Telegram answers 429: to all, to one chat, to one group. Pure but for the numbers."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass

ALL = 0
CHATS_LIMIT = 10_000  # the one that was spoken to longest ago is forgotten


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many messages in any such span."""

    count: int
    seconds: float


FOR_ALL = Allowance(30, 1.0)
FOR_CHAT = Allowance(5, 3.0)  # one a second in the long run; short bursts pass
FOR_GROUP = Allowance(20, 60.0)


class Meter:
    """Counts what was sent, and says when it was too much."""

    def __init__(self) -> None:
        self._moments: OrderedDict[int, deque[float]] = OrderedDict()

    def take(self, chat_id: int, now: float) -> int:
        """Count one message and return 0; or leave it out and return the seconds after which to try again."""
        limits = {ALL: FOR_ALL, chat_id: FOR_CHAT if chat_id > 0 else FOR_GROUP}
        wait = max(self._wait(key, allowance, now) for key, allowance in limits.items())
        if wait <= 0:
            for key in limits:
                self._moments[key].append(now)
        return math.ceil(wait)

    def _wait(self, key: int, allowance: Allowance, now: float) -> float:
        moments = self._moments.setdefault(key, deque())
        self._moments.move_to_end(key)
        if len(self._moments) > CHATS_LIMIT:
            self._moments.popitem(last=False)
        while moments and moments[0] <= now - allowance.seconds:
            moments.popleft()
        return moments[0] + allowance.seconds - now if len(moments) >= allowance.count else 0.0
