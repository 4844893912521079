"""Who carries out the chat room's tasks."""

from __future__ import annotations

from server.bot.visitors import listen
from server.chat.insight import Insight
from server.chat.tasks import IndexMessages
from workers.duty import Duty
from workers.office import Office


def duties(office: Office) -> list[Duty]:
    """What the chat room asks for."""
    insight = Insight(office.database)

    async def take_in() -> int:
        taken = await insight.sweep()
        return taken + await listen(office.database)

    return [Duty(IndexMessages, take_in, sweep=take_in)]
