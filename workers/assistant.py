"""Who answers questions in the threads of people who need help."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from server.assistant import meaning
from server.assistant.carriers import Knowledge, ReplyCarrier
from server.assistant.constants import Carrier
from server.assistant.engine import Engine
from server.assistant.ledger import Ledger
from server.assistant.llm import Budget, LanguageModel, Llm
from server.assistant.retrieval import Retrieval
from server.assistant.showing import Outside
from server.bot.client import Telegram
from server.bot.drafts import Drafts
from server.bot.pace import Pace
from server.bot.policy import bot_id
from server.chat.tasks import AnswerQuestions
from server.config import Misconfigured
from workers.duty import Duty
from workers.office import Office

MODELS_SHARE = 0.8  # of the time for an answer; the rest is for the articles, when no model has one


def duties(office: Office) -> list[Duty]:
    """What the assistant asks for."""
    retrieval = Retrieval(office.database, meaning.found())
    ledger = Ledger(office.database)
    default = Carrier(office.settings.assistant)
    seconds = office.settings.assistant_seconds
    engine = Engine(office.chat, ledger, retrieval, _carriers(office, ledger), default, seconds, _outside(office))

    async def sweep() -> int:
        return await retrieval.take_in() + await engine.sweep()

    return [Duty(AnswerQuestions, engine.sweep, sweep=sweep)]


def _outside(office: Office) -> Outside | None:
    """The people on Telegram, where there is a bot."""
    token = office.settings.bot_token
    if not token:
        return None
    telegram = Telegram(token, office.settings.telegram_api)
    office.at_close(telegram.close)
    own = bot_id(token)
    return Drafts(office.database, telegram, Pace(office.limiter, own), own)


def _carriers(office: Office, ledger: Ledger) -> Mapping[Carrier, ReplyCarrier]:
    settings = office.settings
    known: dict[Carrier, ReplyCarrier] = {Carrier.KNOWLEDGE: Knowledge()}
    models = _models(office)
    if models:
        seconds = MODELS_SHARE * settings.assistant_seconds
        budget = Budget(seconds, settings.llm_seconds, settings.llm_thread_tokens, settings.llm_daily_tokens)
        known[Carrier.LLM] = Llm(models, budget, ledger.spent)
    return known


def _models(office: Office) -> list[LanguageModel]:
    """Those of the settings. What speaks with them is an extra, and is loaded only where there are some."""
    settings = office.settings
    if not settings.language_models:
        return []
    try:
        endpoint = importlib.import_module("server.assistant.endpoint")
    except ImportError as error:
        raise Misconfigured(
            f"LLM_MODELS needs the extra `llm` ({error}): .venv/bin/pip install 'pydantic-ai-slim[openai]>=2.68'"
        ) from error
    models = []
    for name, url, key in settings.language_models:
        model = endpoint.Endpoint(
            name, url, key, answer_tokens=settings.llm_answer_tokens, seconds=settings.llm_seconds
        )
        office.at_close(model.close)
        models.append(model)
    return models
