"""Answers worded by language models: one after another is asked until an answer may be said. Opens no connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Protocol
from uuid import UUID

from server import clock
from server.assistant import wording
from server.assistant.carriers import Knowledge, Question, Reply, Show, worded
from server.assistant.retrieval import Hit
from server.assistant.wording import INSTRUCTIONS, RAW_CHARACTERS, Source, Unusable
from server.logging import named

ARTICLES = 4  # that a model gets; the right one is among the first three for nine questions of ten
LEAST_SECONDS = 0.5  # who gets less cannot answer
SHOW_SECONDS = 0.2  # between two looks at what is written so far
CHARACTERS_A_TOKEN = 3  # where nobody counts them

log = named("assistant")


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of what a model writes; and, once it is known, what all of it took."""

    text: str = ""
    prompt_tokens: int = 0
    answer_tokens: int = 0


class LanguageModel(Protocol):
    """One model at one endpoint. It may be slow, fail in any way, and say anything."""

    name: str

    def write(self, instructions: str, prompt: str) -> AsyncGenerator[Words, None]: ...


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent: seconds on an answer and on one model, tokens a day in one thread and in all; 0 is any."""

    seconds: float
    model_seconds: float
    thread_tokens: int = 0
    daily_tokens: int = 0


@dataclass(slots=True)
class _Course:
    """How an answer comes about: what was spent, and why models were passed over."""

    prompt_tokens: int = 0
    answer_tokens: int = 0
    reasons: list[str] = field(default_factory=list)


class Llm:
    """`spent` tells how many tokens went within a day, in one thread or, of None, in all."""

    def __init__(
        self, models: Sequence[LanguageModel], budget: Budget, spent: Callable[[UUID | None], Awaitable[int]]
    ) -> None:
        self._models = models
        self._budget = budget
        self._spent = spent
        self._knowledge = Knowledge()

    async def reply(self, question: Question, show: Show) -> Reply:
        """The first answer that may be said; where no model has one, what the articles have to say by themselves."""
        course = _Course()
        reply = await self._first(question, show, course) or await self._knowledge.reply(question, show)
        tokens = (course.prompt_tokens, course.answer_tokens)
        return replace(reply, tokens=tokens, reason="; ".join(course.reasons) or None)

    async def _first(self, question: Question, show: Show, course: _Course) -> Reply | None:
        # An article in another language is shown as it stands, and named: a translation could not be checked.
        hits = [hit for hit in question.findings.hits if hit.article.language == question.language][:ARTICLES]
        refusal = await self._refusal(question, hits)
        if refusal is not None:
            course.reasons.append(refusal)
            return None
        until = clock.monotonic() + self._budget.seconds
        for model in self._models:
            seconds = min(self._budget.model_seconds, until - clock.monotonic())
            if seconds < LEAST_SECONDS:
                course.reasons.append(f"{model.name}: no time was left")
                break
            try:
                async with asyncio.timeout(seconds):
                    return await self._ask(model, question, hits, show, course)
            except TimeoutError:
                course.reasons.append(f"{model.name}: no answer in {seconds:.1f} s")
            except Unusable as error:
                course.reasons.append(f"{model.name}: {error}")
            except Exception as error:  # whatever a model, its server or the network does: the next one is asked
                log.warning("model_failed", model=model.name, error=repr(error))
                course.reasons.append(f"{model.name}: {type(error).__name__}")
            show("")
        return None

    async def _refusal(self, question: Question, hits: Sequence[Hit]) -> str | None:
        """Why no model is asked at all."""
        if not hits:
            return "no article in this language is near"
        limits = {question.thread_id: self._budget.thread_tokens, None: self._budget.daily_tokens}
        for whose, limit in limits.items():
            if limit and await self._spent(whose) >= limit:
                return "the tokens of this day are spent" + (" in this thread" if whose else "")
        return None

    async def _ask(
        self, model: LanguageModel, question: Question, hits: Sequence[Hit], show: Show, course: _Course
    ) -> Reply:
        sources = [Source(hit.article.title, hit.article.text) for hit in hits]
        prompt = wording.prompt(question.text, question.language, sources)
        raw, took, shown_at = "", Words(), clock.monotonic()
        try:
            async with aclosing(model.write(INSTRUCTIONS, prompt)) as pieces:
                async for piece in pieces:
                    raw += piece.text
                    took = piece if piece.answer_tokens else took
                    if len(raw) > RAW_CHARACTERS:
                        raise Unusable("it does not come to an end")
                    if clock.monotonic() - shown_at >= SHOW_SECONDS:
                        shown_at = clock.monotonic()
                        show(wording.begun(raw, sources))
        finally:
            course.prompt_tokens += took.prompt_tokens or len(INSTRUCTIONS + prompt) // CHARACTERS_A_TOKEN
            course.answer_tokens += took.answer_tokens or len(raw) // CHARACTERS_A_TOKEN
        answer = wording.finished(raw, sources)
        if answer is None:
            course.reasons.append(f"{model.name}: the articles have no answer")
            return self._knowledge.ask_back(question)
        return worded(answer.text, [hits[place].article for place in answer.places], question, model.name)
