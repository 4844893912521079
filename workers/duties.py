"""Everything that workers do, in one list: the workers are told of it, the scheduler looks by itself."""

from __future__ import annotations

from workers import bot, chat
from workers.duty import Duty
from workers.office import Office


def duties(office: Office) -> list[Duty]:
    """One entry for every task that a room declares; a test counts them."""
    return [*chat.duties(office), *bot.duties(office)]
