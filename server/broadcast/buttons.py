"""What people pressed below a campaign's messages: by button, how often and by how many."""

from __future__ import annotations

from uuid import UUID

from server.broadcast import service
from server.broadcast.schemas import ButtonView, PressesView
from server.broadcast.template import Content
from server.database import Transaction

# From the presses since the run began: there are fewer of them than deliveries.
PRESSED = """
SELECT p.data, sum(p.count)::bigint AS presses, count(*) AS people
FROM presses p JOIN deliveries d ON d.run_id = $1 AND d.contact_id = p.contact_id AND d.message_id = p.telegram_id
WHERE p.at >= $2 GROUP BY p.data
"""


async def presses(tx: Transaction, campaign_id: UUID) -> PressesView:
    """The latest run's; a button that nobody pressed is there, too. Raises Missing."""
    found = await service.one(tx, campaign_id)
    run = await service.latest(tx, found.id)
    content = Content.model_validate(found.content if run is None else run.content)
    rows = {}
    if run is not None:
        connection = await service.plain(tx)
        rows = {row["data"]: row for row in await connection.fetch(PRESSED, run.id, run.started_at)}
    buttons = [
        ButtonView(
            data=data,
            text=text,
            presses=rows[data]["presses"] if data in rows else 0,
            people=rows[data]["people"] if data in rows else 0,
        )
        for data, text in _buttons(content).items()
    ]
    return PressesView(run_id=None if run is None else run.id, buttons=buttons)


def _buttons(content: Content) -> dict[str, str]:
    """Each button that sends something, as it is called in the language that stands first."""
    first = content.variant(content.fallback_language)
    found: dict[str, str] = {}
    for variant in (first, *content.variants.values()):
        for row in variant.buttons:
            for button in row:
                if button.data is not None:
                    found.setdefault(button.data, button.text)
    return found
