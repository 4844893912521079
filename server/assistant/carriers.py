"""Who finds the words of an answer: the protocol, and the default, which reads articles aloud. Posts nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from server.assistant.constants import OFFERS_LIMIT, Path
from server.assistant.phrases import language_name, phrase
from server.assistant.retrieval import Findings, Hit, Known

PERSON = "person"  # the data of the button for one

# Shows what of a reply is written so far, whole; empty takes it back. Never waits.
Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, in which language, and what the articles have to say to it."""

    thread_id: UUID
    text: str
    language: str
    findings: Findings
    offers_before: int  # in a row: how often the person was only asked back


@dataclass(frozen=True, slots=True)
class Reply:
    """What to say, and why. Without text nothing is said; a person is called all the same if the path says so."""

    path: Path
    text: str
    payload: dict[str, Any]
    hits: Sequence[Hit] = ()
    model: str | None = None
    tokens: tuple[int, int] | None = None  # of the prompts, and of the answers
    reason: str | None = None  # for operators, where something went otherwise than it should


class ReplyCarrier(Protocol):
    """May take long and may fail: whoever asks sets a limit, and calls a person."""

    async def reply(self, question: Question, show: Show) -> Reply:
        """Find an answer, or say that a person is needed."""
        ...


class Knowledge:
    """Answers with an article where it is sure, offers three where it is not, else calls a person."""

    async def reply(self, question: Question, _: Show) -> Reply:
        """The article that the question is about, in its own words."""
        findings = question.findings
        if findings.is_sure:
            return answered(Path.ANSWER, findings.hits[0].article, question.language, findings)
        return self.ask_back(question)

    def ask_back(self, question: Question) -> Reply:
        """What may be meant, as buttons; or a person, where nothing is near or the buttons did not help."""
        findings = question.findings
        if not findings.has_articles:
            return called(Path.EMPTY, question.language)
        offered = findings.offered
        if offered and question.offers_before < OFFERS_LIMIT:
            return _offer(offered, question.language, findings)
        return called(Path.MISSES if offered else Path.UNSURE, question.language, findings)


def worded(text: str, articles: Sequence[Known], question: Question, model: str) -> Reply:
    """An answer in somebody's words, with the articles that it comes from."""
    sources = [phrase("source", question.language, title=each.title) for each in articles]
    payload = {"assistant": {"path": Path.ANSWER, "articles": [_named(each) for each in articles]}}
    return Reply(Path.ANSWER, "\n\n".join([text, "\n".join(sources)]), payload, question.findings.hits, model)


def silent(path: Path) -> Reply:
    """A person is called, and nothing is said."""
    return Reply(path, "", {"assistant": {"path": path}})


def answered(path: Path, article: Known, language: str, findings: Findings | None = None) -> Reply:
    """The article, named; with a word about its language where it is another one."""
    parts = [article.text, phrase("source", language, title=article.title)]
    if article.language != language:
        parts.insert(0, phrase("only_in", language, name=language_name(article.language, language)))
    payload = {"assistant": {"path": path, "articles": [_named(article)]}}
    return Reply(path, "\n\n".join(parts), payload, *_considered(findings))


def called(path: Path, language: str, findings: Findings | None = None) -> Reply:
    """A person is called, and who asked is told."""
    return Reply(path, phrase("called", language), {"assistant": {"path": path}}, *_considered(findings))


def courteous(name: str, language: str) -> Reply:
    """A greeting for a greeting."""
    return Reply(Path.COURTESY, phrase(name, language), {"assistant": {"path": Path.COURTESY}})


def chosen_article(payload: dict[str, Any]) -> UUID | None:
    """Which article somebody chose, by the button that their message is."""
    kind, _, name = str(payload.get("data")).partition(":")
    try:
        return UUID(name) if kind == "article" else None
    except ValueError:
        return None


def chose_person(payload: dict[str, Any]) -> bool:
    """Whether somebody pressed the button for a person."""
    return payload.get("data") == PERSON


def _offer(hits: Sequence[Hit], language: str, findings: Findings) -> Reply:
    buttons = [[{"text": hit.article.title, "data": f"article:{hit.article.id}"}] for hit in hits]
    buttons.append([{"text": phrase("person", language), "data": PERSON}])
    named = [_named(hit.article) for hit in hits]
    payload = {"assistant": {"path": Path.OFFER, "articles": named}, "buttons": buttons}
    return Reply(Path.OFFER, phrase("offer", language), payload, *_considered(findings))


def _considered(findings: Findings | None) -> tuple[Sequence[Hit], str | None]:
    return ((), None) if findings is None else (findings.hits, findings.model)


def _named(article: Known) -> dict[str, str]:
    return {"id": str(article.id), "key": article.key, "title": article.title}
