"""The assistant's judgement: questions in five languages, none in its articles' words; and what an answer costs."""

from __future__ import annotations

import csv
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from server import ids
from server.assistant import meaning
from server.assistant.carriers import Knowledge
from server.assistant.constants import Carrier
from server.assistant.engine import Engine
from server.assistant.imports import File, articles_of
from server.assistant.ledger import Ledger
from server.assistant.retrieval import Findings, Retrieval
from server.assistant.service import bring_in
from server.auth.constants import Role
from server.auth.policy import Caller
from server.chat.constants import AuthorKind
from server.chat.journal import Draft
from server.database import Database
from tests.bench.ground import Ground, ground
from tests.bench.report import Demand, Result, table
from tests.bench.usage import resident
from tests.rest.house import settings_of
from workers.office import Office

KNOWLEDGE = Path(__file__).parent / "knowledge"
LANGUAGES = ("en", "de", "es", "fr", "ru")
NOTHING = "-"  # what an off-topic question is about
WRONG_SHARE = 0.03
CPU_MS = 50.0
MEMORY_MB = 300.0
MIB = 1024 * 1024
OPEN = "INSERT INTO threads (id, kind, subject, epoch) VALUES ($1, 'support', '', 'bench')"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, and the key of the article that answers it."""

    language: str
    article: str
    question: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What the assistant would do with it."""

    asked: Asked
    findings: Findings

    @property
    def keys(self) -> list[str]:
        """The articles, the best first."""
        return [hit.article.key for hit in self.findings.hits]

    @property
    def outcome(self) -> str:
        """Answered right or wrong, offered with or without the right one, or passed on."""
        if self.findings.is_sure:
            return "right" if self.keys[0] == self.asked.article else "wrong"
        offered = [hit.article.key for hit in self.findings.offered]
        if not offered:
            return "passed on"
        return "offered" if self.asked.article in offered else "misled"


def questions(name: str) -> list[Asked]:
    """Those of a file: `questions`, on which the thresholds were set, or `unseen`, which were written afterwards."""
    with (KNOWLEDGE / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return [Asked(row["language"], row["article"], row["question"]) for row in csv.DictReader(lines)]


async def _judged(retrieval: Retrieval, asked: Sequence[Asked]) -> tuple[list[Judged], float]:
    """Each of them, and the milliseconds of this process's CPU that one took."""
    await retrieval.find("warm up", "en")
    began = time.process_time()
    found = [Judged(each, await retrieval.find(each.question, each.language)) for each in asked]
    return found, (time.process_time() - began) * 1000 / len(asked)


def _row(name: str, judged: Sequence[Judged]) -> list[object]:
    about = [each for each in judged if each.asked.article != NOTHING]
    off = Counter(each.outcome for each in judged if each.asked.article == NOTHING)
    came = Counter(each.outcome for each in about)
    first = sum(each.keys[:1] == [each.asked.article] for each in about)
    third = sum(each.asked.article in each.keys[:3] for each in about)
    outcomes = [came["right"], came["wrong"], came["offered"], came["misled"], came["passed on"]]
    return [name, len(about), first, third, *outcomes, off["wrong"], off["misled"], sum(off.values())]


HEAD = ["by", "asked", "top-1", "top-3", "right", "wrong", "offered", "misled", "passed on"]
HEAD += ["off-topic answered", "off-topic offered", "off-topic asked"]


async def _answer_ms(office: Office, retrieval: Retrieval, asked: Sequence[Asked]) -> float:
    """CPU of this process for one answer: found, decided, posted, announced: all that a worker does."""
    carriers = {Carrier.KNOWLEDGE: Knowledge()}
    engine = Engine(office.chat, Ledger(office.database), retrieval, carriers, Carrier.KNOWLEDGE, budget_seconds=60.0)
    threads = [ids.new() for _ in asked]
    async with office.database.connection() as connection:
        await connection.executemany(OPEN, [(thread,) for thread in threads])
    for thread, each in zip(threads, asked, strict=True):
        await office.chat.journal.post(Draft(ids.new(), thread, None, AuthorKind.CONTACT, each.question))
    began = time.process_time()
    while await engine.sweep():
        continue
    return (time.process_time() - began) * 1000 / len(asked)


def _demands(name: str, judged: Sequence[Judged], cpu_ms: float, megabytes: float) -> list[Demand]:
    off = [each for each in judged if each.asked.article == NOTHING]
    strays = sum(each.findings.is_sure for each in off) / len(off)
    wrong = sum(each.outcome == "wrong" for each in judged) / len(judged)
    return [
        Demand(f"{name}: off-topic answered, at most", f"{strays:.1%} of {WRONG_SHARE:.0%}", strays <= WRONG_SHARE),
        Demand(f"{name}: answered wrongly, of all, at most", f"{wrong:.1%} of {WRONG_SHARE:.0%}", wrong <= WRONG_SHARE),
        Demand(f"{name}: CPU of an answer, below", f"{cpu_ms:.1f} of {CPU_MS:.0f} ms", cpu_ms < CPU_MS),
        Demand(f"{name}: memory added, at most", f"{megabytes:.0f} of {MEMORY_MB:.0f} MB", megabytes <= MEMORY_MB),
    ]


async def _measured(office: Office, asked: Sequence[Asked], unseen: Sequence[Asked]) -> Result:
    """By words first: what is in memory before the model is. They are judged by what they never saw."""
    rows: list[list[object]] = []
    figures: dict[str, float] = {}
    demands: list[Demand] = []
    for name in ("words", "meaning"):
        before = resident(os.getpid())
        retrieval = Retrieval(office.database, meaning.found() if name == "meaning" else None)
        while await retrieval.take_in():
            continue
        judged, find_ms = await _judged(retrieval, asked)
        answer_ms = await _answer_ms(office, retrieval, asked)
        megabytes = (resident(os.getpid()) - before) / MIB
        rows += [_row(f"{name}, {each}", [one for one in judged if one.asked.language == each]) for each in LANGUAGES]
        rows.append(whole := _row(f"{name}, all", judged))
        fresh, _ = await _judged(retrieval, unseen)
        rows.append(_row(f"{name}, unseen", fresh))
        demands += _demands(name, fresh, answer_ms, megabytes)
        figures[f"{name}_unseen_wrong"] = sum(each.outcome == "wrong" for each in fresh) / len(fresh)
        figures |= {f"{name}_top_1": float(str(whole[2])), f"{name}_top_3": float(str(whole[3]))}
        figures |= {f"{name}_find_cpu_ms": find_ms, f"{name}_answer_cpu_ms": answer_ms, f"{name}_memory_mb": megabytes}
    ratio = figures["meaning_top_1"] / figures["words_top_1"]
    return Result(table(HEAD, rows), "right first by meaning ÷ by words", ratio, figures, demands)


async def _with_articles(database: Database) -> None:
    caller = Caller(ids.new(), "bench", Role.ADMIN, None)
    content = (KNOWLEDGE / "articles.csv").read_text(encoding="utf-8")
    async with database.transaction() as tx:
        await bring_in(tx, caller, articles_of([File("articles.csv", content)], "en"))


def _office(engines: Ground) -> Office:
    return Office(settings_of(engines.database_url, engines.redis_url), connections=4)


async def measure() -> Result:
    """By words, and by meaning."""
    async with ground() as engines, _office(engines) as office:
        await _with_articles(office.database)
        return await _measured(office, questions("questions"), questions("unseen"))
