"""When an event that was not taken is sent again. Decides without waiting."""

from __future__ import annotations

import random
from dataclasses import dataclass

from server.hooks.constants import LONGEST_PAUSE_SECONDS

GROWTH = 3.0


@dataclass(frozen=True, slots=True)
class Patience:
    """The first pause, which then triples up to six hours, and how long an event is tried at all."""

    first_seconds: float = 5.0
    all_seconds: float = 86_400.0

    def pause(self, failures: int, chance: random.Random, asked_seconds: float | None = None) -> float:
        """Seconds until the next try after so many failures; never sooner than the receiver asked for."""
        longest = min(LONGEST_PAUSE_SECONDS, self.all_seconds)
        grown = min(longest, self.first_seconds * GROWTH ** min(max(failures - 1, 0), 20))
        jittered = grown * chance.uniform(0.8, 1.2)
        return max(jittered, min(asked_seconds, longest)) if asked_seconds is not None else jittered
