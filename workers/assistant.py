"""Who answers questions in support threads."""

from __future__ import annotations

from server.assistant import meaning
from server.assistant.carriers import Knowledge, Nobody
from server.assistant.constants import Carrier
from server.assistant.engine import Engine
from server.assistant.ledger import Ledger
from server.assistant.retrieval import Retrieval
from server.chat.tasks import AnswerQuestions
from workers.duty import Duty
from workers.office import Office


def duties(office: Office) -> list[Duty]:
    """What the assistant asks for."""
    retrieval = Retrieval(office.database, meaning.found())
    engine = Engine(
        office.chat,
        Ledger(office.database),
        retrieval,
        {Carrier.KNOWLEDGE: Knowledge(), Carrier.NONE: Nobody()},
        Carrier(office.settings.assistant),
        office.settings.assistant_seconds,
    )

    async def sweep() -> int:
        return await retrieval.take_in() + await engine.sweep()

    return [Duty(AnswerQuestions, engine.sweep, sweep=sweep)]
