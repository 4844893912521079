"""Who carries out the chat room's tasks."""

from __future__ import annotations

from server.chat.insight import Insight
from server.chat.tasks import IndexMessages
from workers.duty import Duty
from workers.office import Office


def duties(office: Office) -> list[Duty]:
    """What the chat room asks for."""
    insight = Insight(office.database)
    return [Duty(IndexMessages, insight.sweep, sweep=insight.sweep)]
