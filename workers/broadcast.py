"""Who carries out the broadcast room's tasks."""

from __future__ import annotations

from server.bot.policy import bot_id
from server.broadcast.client import Client
from server.broadcast.engine import Cap, Courier, Tools
from server.broadcast.freezing import Freezer
from server.broadcast.pace import Share
from server.broadcast.records import Records
from server.broadcast.steward import Steward
from server.broadcast.tasks import BeginRuns, DeliverCampaigns, KeepCampaigns
from server.broadcast.telling import Herald
from workers.duty import Duty
from workers.office import Office


def duties(office: Office) -> list[Duty]:
    """Every process may do all of it at once. The scheduler sends nothing: it says twice a second who should."""
    token = office.settings.bot_token
    own = bot_id(token)
    client = Client(token, office.settings.telegram_api)
    office.at_close(client.close)
    herald = Herald(office.database, office.teller.tell)
    records = Records(office.database, herald)
    cap = Cap(office.settings.campaign_cap, office.settings.campaign_cap_hours * 3600)
    courier = Courier(Tools(office.database, client, Share(office.limiter, own), office.place, records, cap))
    office.at_close(courier.close)
    steward = Steward(office.database, records, herald, Freezer(office.database, records, herald, own))

    async def begin() -> int:
        begun = await steward.begin()
        if begun:
            office.queue.say(DeliverCampaigns())
        return begun

    async def deliver() -> int:
        sent = await courier.run()
        if sent:
            office.queue.say(DeliverCampaigns())  # what came due meanwhile
        return sent

    async def nudge() -> int:
        if await steward.is_active():
            office.queue.say(DeliverCampaigns())
        return 0

    return [
        Duty(BeginRuns, begin, sweep=begin),
        Duty(DeliverCampaigns, deliver, sweep=nudge),
        Duty(KeepCampaigns, steward.keep, sweep=steward.keep),
    ]
