"""The chain of language models: who is asked, for how long, for how many tokens, and what is shown meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from server import ids
from server.assistant.carriers import Question
from server.assistant.constants import Path
from server.assistant.llm import Budget, Llm, Words
from server.assistant.retrieval import BY_MEANING, Findings, Hit, Known
from server.assistant.wording import RAW_CHARACTERS

TEXT = "Our shop is open from Monday to Friday, 9 am to 6 pm."
GOOD = json.dumps({"sources": [1], "answer": TEXT})

pytestmark = pytest.mark.unit


@dataclass
class Scripted:
    """Writes these pieces, and then hangs if it is told to."""

    name: str
    pieces: list[Words]
    hangs: bool = False
    prompts: list[str] = field(default_factory=list)
    ended: int = 0

    async def write(self, _: str, prompt: str) -> AsyncGenerator[Words, None]:
        self.prompts.append(prompt)
        try:
            for piece in self.pieces:
                yield piece
                await asyncio.sleep(0)
            if self.hangs:
                await asyncio.Event().wait()
        finally:
            self.ended += 1


def question(language: str = "en", score: float = 0.9) -> Question:
    article = Known(ids.new(), "hours", "en", "Opening hours", TEXT)
    return Question(ids.new(), "When are you open?", language, Findings([Hit(article, score)], BY_MEANING, "e5"), 0)


def llm(*models: Scripted, budget: Budget | None = None, spent: int = 0) -> Llm:
    async def told(_: UUID | None) -> int:
        return spent

    return Llm(models, budget or Budget(5.0, 5.0), told)


def ignore(_: str) -> None:
    return None


async def test_tokens_are_those_that_the_server_counts_of_all_who_were_asked() -> None:
    bad = Scripted("bad", [Words("no"), Words("", 10, 2)])
    good = Scripted("good", [Words(GOOD), Words("", 20, 8)])
    reply = await llm(bad, good).reply(question(), ignore)
    assert (reply.path, reply.model, reply.tokens) == (Path.ANSWER, "good", (30, 10))
    assert reply.reason is not None
    assert reply.reason.startswith("bad: ")


async def test_where_nobody_counts_tokens_they_are_estimated() -> None:
    reply = await llm(Scripted("one", [Words(GOOD)])).reply(question(), ignore)
    assert reply.tokens is not None
    assert reply.tokens[0] > 100
    assert reply.tokens[1] == len(GOOD) // 3


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (Budget(5.0, 5.0, thread_tokens=100), "the tokens of this day are spent in this thread"),
        (Budget(5.0, 5.0, daily_tokens=100), "the tokens of this day are spent"),
    ],
)
async def test_when_the_tokens_are_spent_articles_answer_by_themselves(budget: Budget, reason: str) -> None:
    model = Scripted("one", [Words(GOOD)])
    reply = await llm(model, budget=budget, spent=100).reply(question(), ignore)
    assert (reply.path, reply.reason, model.prompts) == (Path.ANSWER, reason, [])
    assert (await llm(model, budget=budget, spent=99).reply(question(), ignore)).model == "one"


async def test_a_model_that_hangs_is_left_and_the_last_one_gets_no_more_than_there_is() -> None:
    first, second, third = (Scripted(name, [], hangs=True) for name in ("first", "second", "third"))
    reply = await llm(first, second, third, budget=Budget(1.2, 0.6)).reply(question(), ignore)
    assert (first.ended, second.ended, third.prompts) == (1, 1, [])
    assert reply.path == Path.ANSWER
    assert reply.reason is not None
    assert reply.reason.endswith("third: no time was left")


async def test_a_model_without_an_end_is_cut_off() -> None:
    endless = Scripted("endless", [Words("x" * 1000)] * (RAW_CHARACTERS // 1000 + 2))
    reply = await llm(endless).reply(question(), ignore)
    assert reply.reason == "endless: it does not come to an end"


async def test_what_was_shown_of_an_answer_that_fails_is_taken_back() -> None:
    shown: list[str] = []
    broken = Scripted("broken", [Words(GOOD[:60]), *[Words("")] * 20], hangs=True)
    await llm(broken, budget=Budget(1.0, 1.0)).reply(question(), shown.append)
    assert shown[-1] == ""


async def test_articles_in_another_language_are_shown_as_they_stand() -> None:
    model = Scripted("one", [Words(GOOD)])
    reply = await llm(model).reply(question("de"), ignore)
    assert model.prompts == []
    assert reply.text.startswith("Das haben wir bisher nur in dieser Sprache: Englisch.")


async def test_a_model_that_finds_no_answer_lets_nobody_else_give_one() -> None:
    nothing = Scripted("one", [Words('{"sources": [], "answer": ""}')])
    sure, unsure = await llm(nothing).reply(question(), ignore), await llm(nothing).reply(question(score=0.5), ignore)
    assert (sure.path, unsure.path) == (Path.OFFER, Path.UNSURE)
    assert sure.reason == "one: the articles have no answer"
