"""Who carries out the hooks room's tasks."""

from __future__ import annotations

from collections.abc import Sequence

from server.bot import contacts
from server.database import Database
from server.hooks.answers import Answers
from server.hooks.client import Client
from server.hooks.engine import Collector, Courier
from server.hooks.schedule import Patience
from server.hooks.service import adopt, known_kinds
from server.hooks.targets import Reach, networks
from server.hooks.tasks import CollectEvents, DeliverEvents
from workers.duty import Duty
from workers.office import Office


def duties(office: Office) -> list[Duty]:
    """Every process may collect and send; whoever collected tells the others that there is something to send.

    Raises Misconfigured for an endpoint of the settings that cannot be meant.
    """
    settings = office.settings
    client = Client(Reach(networks(settings.webhook_networks)))
    office.at_close(client.close)
    patience = Patience(settings.webhook_retry_seconds, settings.webhook_give_up_seconds)
    courier = Courier(
        office.database, client, patience, Answers(office.chat, contacts.describe), office.announcer.suspended
    )
    office.at_close(courier.close)
    collector = Collector(office.database, settings.webhook_retention_days)
    kinds = known_kinds(settings.webhook_kinds)
    adoption = Adoption(office.database, settings.webhook_url, settings.webhook_keys, kinds)

    async def collect() -> int:
        await adoption.once()
        found = await collector.sweep()
        if found:
            office.queue.say(DeliverEvents())
        return found

    async def deliver() -> int:
        sent = await courier.run()
        if sent:
            office.queue.say(DeliverEvents())  # what came meanwhile, or was too much for one run
        return sent

    return [Duty(CollectEvents, collect, sweep=collect), Duty(DeliverEvents, deliver, sweep=deliver)]


class Adoption:
    """The endpoint of the settings, put among the others when the process begins to sweep."""

    def __init__(self, database: Database, url: str, secrets: Sequence[str], kinds: Sequence[str]) -> None:
        self._database = database
        self._endpoint = (url, secrets, kinds)
        self._is_done = False

    async def once(self) -> None:
        """The settings are read once, so once is enough."""
        if not self._is_done:
            await adopt(self._database, *self._endpoint)
            self._is_done = True
