"""Everything that workers do, in one list: the workers are told of it, the scheduler looks by itself."""

from __future__ import annotations

from collections.abc import Callable

from workers import assistant, bot, broadcast, chat, hooks, keeping
from workers.duty import Duty
from workers.office import Office

Duties = Callable[[Office], list[Duty]]


def duties(office: Office) -> list[Duty]:
    """One entry for every task that a room declares; a test counts them."""
    rooms = (chat, assistant, bot, broadcast, hooks, keeping)
    return [duty for room in rooms for duty in room.duties(office)]
