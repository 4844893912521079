"""Who carries out the bot room's tasks."""

from __future__ import annotations

from server.bot.drain import Drain
from server.bot.policy import bot_id
from server.bot.tasks import TakeInUpdates
from workers.duty import Duty
from workers.office import Office


def duties(office: Office) -> list[Duty]:
    """What the bot room asks for; nothing is due where there is no bot."""
    token = office.settings.bot_token
    if not token:
        return [Duty(TakeInUpdates, _rest)]
    drain = Drain(office.database, office.announcer, token, bot_id(token))
    return [Duty(TakeInUpdates, drain.sweep, sweep=drain.sweep)]


async def _rest() -> None:
    return None
