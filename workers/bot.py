"""Who carries out the bot room's tasks."""

from __future__ import annotations

from server.bot.client import FREE_PER_SECOND, Telegram
from server.bot.drain import Drain
from server.bot.outbox import Outbox
from server.bot.pace import Pace
from server.bot.policy import bot_id
from server.bot.tasks import TakeInUpdates
from server.chat.tasks import Relay
from workers.duty import Duty
from workers.office import Office


def duties(office: Office) -> list[Duty]:
    """What the bot room asks for; nothing is due where there is no bot."""
    token = office.settings.bot_token
    if not token:
        return [Duty(TakeInUpdates, _rest), Duty(Relay, _rest)]
    own = bot_id(token)
    per_second = office.settings.telegram_per_second
    telegram = Telegram(token, office.settings.telegram_api, is_paid=per_second > FREE_PER_SECOND)
    drain = Drain(office.database, office.announcer, token, own, telegram.answer, keys=office.settings.secrets)
    office.at_close(telegram.close)
    office.at_close(drain.close)
    outbox = Outbox(office.database, office.announcer, telegram, Pace(office.limiter, own, per_second), own)
    return [Duty(TakeInUpdates, drain.sweep, sweep=drain.sweep), Duty(Relay, outbox.sweep, sweep=outbox.sweep)]


async def _rest() -> None:
    return None
