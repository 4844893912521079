"""The assistant's judgement: questions in five languages, none in the words of its articles; and what one costs."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from server import ids
from server.assistant.imports import File, articles_of
from server.assistant.meaning import Meaning, is_there
from server.assistant.retrieval import Findings, Retrieval
from server.assistant.service import bring_in
from server.auth.constants import Role
from server.auth.policy import Caller
from server.database import Database
from tests.bench.ground import ground
from tests.bench.report import Demand, Result, table

KNOWLEDGE = Path(__file__).parent / "knowledge"
LANGUAGES = ("en", "de", "es", "fr", "ru")
NOTHING = "-"  # what an off-topic question is about
WRONG_SHARE = 0.03
CPU_MS = 50.0


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


def questions() -> list[Asked]:
    """All of them."""
    with (KNOWLEDGE / "questions.csv").open(encoding="utf-8", newline="") as lines:
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


async def _measured(database: Database) -> Result:
    caller = Caller(ids.new(), "bench", Role.ADMIN, None)
    content = (KNOWLEDGE / "articles.csv").read_text(encoding="utf-8")
    async with database.transaction() as tx:
        await bring_in(tx, caller, articles_of([File("articles.csv", content)], "en"))
    asked = questions()
    rows: list[list[object]] = []
    figures: dict[str, float] = {}
    demands: list[Demand] = []
    ways = {"words": Retrieval(database, None)} | ({"meaning": Retrieval(database, Meaning())} if is_there() else {})
    first = dict.fromkeys(ways, 0)
    for name, retrieval in ways.items():
        while await retrieval.take_in():
            continue
        judged, cpu_ms = await _judged(retrieval, asked)
        rows += [_row(f"{name}, {each}", [one for one in judged if one.asked.language == each]) for each in LANGUAGES]
        rows.append(whole := _row(f"{name}, all", judged))
        first[name] = int(str(whole[2]))
        off = [each for each in judged if each.asked.article == NOTHING]
        share = sum(each.findings.is_sure for each in off) / len(off)
        demands.append(Demand(f"{name}: off-topic answered, at most", f"{share:.1%} of 3 %", share <= WRONG_SHARE))
        demands.append(Demand(f"{name}: CPU of a question, below", f"{cpu_ms:.1f} of 50 ms", cpu_ms < CPU_MS))
        figures |= {f"{name}_off_topic_share": share, f"{name}_cpu_ms": cpu_ms, f"{name}_top_1": first[name]}
    about = sum(each.article != NOTHING for each in asked)
    return Result(
        table(HEAD, rows),
        "right first by meaning ÷ by words" if len(ways) > 1 else "right first by words ÷ questions",
        first["meaning"] / first["words"] if len(ways) > 1 else first["words"] / about,
        figures,
        demands,
    )


async def measure() -> Result:
    """By words, and by meaning where the extra is installed."""
    async with ground() as engines:
        database = Database(engines.database_url, 2)
        await database.open()
        try:
            return await _measured(database)
        finally:
            await database.close()
