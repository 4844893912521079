"""The assistant at work: finds threads that wait, decides once for each question, says it once, calls a person."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from server import clock, ids
from server.assistant import carriers, rules
from server.assistant.carriers import Question, Reply, ReplyCarrier, Show
from server.assistant.constants import ASSISTANT, CALLING, OFFERS_LIMIT, Carrier, Path
from server.assistant.ledger import Asked, Decided, Ledger, Stand, reply_name
from server.assistant.retrieval import Retrieval
from server.assistant.showing import Outside, Showing
from server.chat import handling
from server.chat.constants import AuthorKind, Kind, MessageStatus
from server.chat.journal import Draft
from server.chat.language import language_of
from server.chat.service import Chat
from server.errors import Unavailable
from server.logging import named

AT_ONCE = 8  # threads that one process works on
WATCH_SECONDS = 0.5  # between two looks whether the question still stands, while an answer is made

log = named("assistant")


@dataclass(frozen=True, slots=True)
class _Case:
    """A question, and what is decided of it before anybody looks for an answer."""

    thread_id: UUID
    lease: UUID
    asked: Asked
    stand: Stand
    carrier: Carrier
    language: str
    offers_before: int


@dataclass(slots=True)
class Engine:
    """One a worker process. Any number of them may work: a thread belongs to whoever has its lease."""

    chat: Chat
    ledger: Ledger
    retrieval: Retrieval
    carriers: Mapping[Carrier, ReplyCarrier]
    default: Carrier
    budget_seconds: float
    outside: Outside | None = None
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def sweep(self) -> int:
        """Answer every question that waits; returns how many threads were looked at."""
        due = await self.ledger.due()
        async with asyncio.TaskGroup() as group:
            for thread_id in due:
                await self._room.acquire()
                group.create_task(self._visit(thread_id))
        return len(due)

    async def _visit(self, thread_id: UUID) -> None:
        """Look after one thread; what fails here is tried again by whoever finds its lease expired."""
        try:
            lease = await self.ledger.claim(thread_id)
            if lease is not None:
                await self._attend(thread_id, lease)
        except Unavailable as error:
            log.warning("attendance_waits", reason=error.detail)
        except Exception:  # one thread must not keep the others from an answer, and must not be met with silence
            log.exception("attendance_failed", thread_id=str(thread_id))
            await self._despair(thread_id)
        finally:
            self._room.release()

    async def _attend(self, thread_id: UUID, lease: UUID) -> None:
        """Until nothing waits in the thread, or the lease is somebody else's."""
        while (stand := await self.ledger.stand(thread_id, lease)) is not None:
            decided = await self.ledger.unfinished(thread_id)
            if decided is not None:
                await self._say(thread_id, decided, stand)
                await self.ledger.see(thread_id, lease, decided.number)
                continue
            asked = await self.ledger.question(thread_id, stand) if stand.is_free else None
            if asked is None:
                # What is said while somebody looks after the thread is looked at when it is given back.
                await self.ledger.release(thread_id, lease, stand.posted if stand.is_free else stand.seen)
                return
            decision = await self._decide(thread_id, lease, asked, stand)
            if decision is not None:
                await self.ledger.decide(thread_id, lease, decision)

    async def _decide(self, thread_id: UUID, lease: UUID, asked: Asked, stand: Stand) -> Decided | None:
        """What to say; None when the question does not stand any more, because another one came, or an operator."""
        began = clock.monotonic()
        case = await self._case(thread_id, lease, asked, stand)
        reply = await self._reply(case)
        if reply is None:
            return None
        return Decided(
            asked.id,
            asked.number,
            reply.path,
            case.carrier,
            case.language,
            [
                {"id": str(hit.article.id), "key": hit.article.key, "title": hit.article.title, "score": hit.score}
                for hit in reply.hits
            ],
            rules.masked(reply.text),
            reply.payload,
            round((clock.monotonic() - began) * 1000),
            reply.model,
            reply.tokens,
            reply.reason,
        )

    async def _case(self, thread_id: UUID, lease: UUID, asked: Asked, stand: Stand) -> _Case:
        latest = await self.ledger.latest(thread_id, OFFERS_LIMIT)
        outside = self.outside if stand.kind is Kind.TELEGRAM else None
        language = None if outside is None else await outside.language(thread_id)
        if language is None:
            prior = latest[0][1] if latest else stand.owner_language
            now, before = language_of(asked.text, None), language_of(asked.before, None) if asked.before else None
            language = rules.settled_language(prior, now, before)
        wanted = stand.carrier or self.default
        carrier = wanted if wanted is Carrier.NONE or wanted in self.carriers else Carrier.KNOWLEDGE
        offers = sum(path is Path.OFFER for path, _ in latest)
        return _Case(thread_id, lease, asked, stand, carrier, language, offers)

    async def _reply(self, case: _Case) -> Reply | None:
        if case.carrier is Carrier.NONE:
            return carriers.silent(Path.NOBODY)
        reply = await self._by_rule(case.asked, case.language) or await self._carried(case)
        if reply is not None and reply.path is Path.EMPTY and await self.ledger.was_told(case.thread_id, Path.EMPTY):
            return carriers.silent(Path.EMPTY)
        return reply

    async def _by_rule(self, asked: Asked, language: str) -> Reply | None:
        """What needs no carrier: a person asked for, an article chosen, a greeting, a picture without words."""
        if carriers.chose_person(asked.payload) or rules.wants_person(asked.text):
            return carriers.called(Path.ASKED, language)
        chosen = carriers.chosen_article(asked.payload)
        article = None if chosen is None else await self.retrieval.article(chosen)
        article = article or await self.retrieval.titled(asked.text, language)
        if article is not None:
            return carriers.answered(Path.CHOSEN, article, language)
        if not rules.has_words(asked.text):
            return carriers.called(Path.UNSURE, language)
        courtesy = rules.courtesy(asked.text)
        return None if courtesy is None else carriers.courteous(courtesy, language)

    async def _carried(self, case: _Case) -> Reply | None:
        outside = self.outside if case.stand.kind is Kind.TELEGRAM else None
        showing = Showing(self.chat.announcer, outside, case.thread_id, case.asked.id)
        making = asyncio.create_task(self._make(case, showing.show))
        reply = None
        try:
            reply = await self._while_it_stands(making, case)
        finally:
            if reply is None:
                showing.show("")
            await showing.close()
        return reply

    async def _make(self, case: _Case, show: Show) -> Reply:
        """The carrier's reply, within the budget; whatever goes wrong with it, a person is called."""
        asked, language = case.asked, case.language
        try:
            async with asyncio.timeout(self.budget_seconds):
                findings = await self.retrieval.find(asked.text, language)
                question = Question(case.thread_id, asked.text, language, findings, case.offers_before)
                return await self.carriers[case.carrier].reply(question, show)
        except TimeoutError:
            log.warning("answer_too_slow", question=str(asked.id), carrier=case.carrier)
            return carriers.called(Path.TIMEOUT, language)
        except Exception:  # whatever a model or its server does: never silence
            log.exception("answer_failed", question=str(asked.id), carrier=case.carrier)
            return carriers.called(Path.ERROR, language)

    async def _while_it_stands(self, making: asyncio.Task[Reply], case: _Case) -> Reply | None:
        """The reply, unless something was posted meanwhile, or the thread is looked after by somebody."""
        try:
            while True:
                done, _ = await asyncio.wait([making], timeout=WATCH_SECONDS)
                now = await self.ledger.stand(case.thread_id, case.lease)
                if now is None or not now.is_free or now.posted != case.stand.posted:
                    return None
                if done:
                    return making.result()
        finally:
            making.cancel()
            await asyncio.wait([making])

    async def _say(self, thread_id: UUID, decided: Decided, stand: Stand) -> None:
        """Post what was decided, however often this is begun: it is one message. Then call the person, if need be."""
        reply_id = None
        if stand.is_free and decided.reply_text:
            draft = Draft(
                ids.new(),
                thread_id,
                ASSISTANT,
                AuthorKind.ASSISTANT,
                decided.reply_text,
                payload=json.dumps(decided.reply_payload, ensure_ascii=False),
                client_id=reply_name(decided.question_id),
                reply_to=decided.question_id,
                status=MessageStatus.QUEUED if stand.kind is Kind.TELEGRAM else MessageStatus.SENT,
            )
            reply_id = (await self.chat.journal.post(draft)).id
        if decided.path in CALLING:
            await self._call_person(thread_id)
        await self.ledger.finish(decided.question_id, reply_id)

    async def _despair(self, thread_id: UUID) -> None:
        """Call a person without a word; if even that fails, whoever finds the lease expired begins anew."""
        try:
            await self._call_person(thread_id)
        except Unavailable as error:
            log.warning("attendance_waits", reason=error.detail)

    async def _call_person(self, thread_id: UUID) -> None:
        async with self.chat.database.transaction() as tx:
            await handling.call_person(tx, self.chat.announcer, thread_id)
