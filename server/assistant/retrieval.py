"""Which articles a question is about, and how sure that is: by words in PostgreSQL, by meaning where a model is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from server import clock
from server.assistant.constants import HITS_LIMIT, QUESTION_CHARACTERS, TITLE_CHARACTERS, stems_of
from server.database import Database

ARTICLES_LIMIT = 10_000  # that are held with their meaning: 15 MB
SHELVES_LIMIT = 12  # languages at once; the one made first is made anew when it is asked for
EMBED_AT_ONCE = 20
EMBED_SECONDS = 1.0  # of one look: a long article takes about as long, and questions are swept in between
CANDIDATES = 50  # by words alone

# How much of the question's stems an article has, and how alike the letters are: misspelt words, and languages
# without stems. The words of the title weigh more in the rank. All of it lies between 0 and 1.
LEXICAL = """
WITH query AS (
  SELECT tsvector_to_array(to_tsvector(CAST($2 AS regconfig), $1)) AS stems,
         CAST(replace(CAST(plainto_tsquery(CAST($2 AS regconfig), $1) AS text), ' & ', ' | ') AS tsquery) AS q
)
SELECT a.id,
       (SELECT count(*) FROM unnest(query.stems) s WHERE s = ANY (tsvector_to_array(a.words)))
         / greatest(cardinality(query.stems), 1)::float8 AS share,
       coalesce(ts_rank(a.words, query.q), 0)::float8 AS rank,
       word_similarity($1, a.title || ' ' || left(a.text, 500))::float8 AS likeness
FROM articles a, query
WHERE a.enabled AND a.language = $3 AND (a.words @@ query.q OR word_similarity(a.title, $1) > 0.3)
ORDER BY rank DESC, share DESC LIMIT $4
"""
# Of each article the wording in the wanted language, else the English one, else any.
SHELF = """
SELECT DISTINCT ON (key) id, key, language, title, text, vector, vector_model FROM articles
WHERE enabled ORDER BY key, language = $1 DESC, language = 'en' DESC, language LIMIT $2
"""
STAMP = "SELECT concat(count(*), ' ', max(updated_at), ' ', count(vector_model)) FROM articles"
TITLED = """
SELECT id, key, language, title, text FROM articles WHERE enabled AND lower(title) = lower($1)
ORDER BY language = $2 DESC, language LIMIT 1
"""
UNMEANT = """
SELECT id, title, text, version FROM articles WHERE enabled AND vector_model IS DISTINCT FROM $1 ORDER BY id LIMIT $2
"""
MEANT = "UPDATE articles SET vector = $2, vector_model = $3 WHERE id = $1 AND version = $4"


class Model(Protocol):
    """What tells how near texts are in meaning (`meaning.Meaning`). It takes its time: called beside the loop."""

    model: str

    def of_article(self, title: str, text: str) -> bytes: ...
    def table(self, vectors: Sequence[bytes]) -> Any: ...
    def nearness(self, question: str, table: Any) -> list[float]: ...


@dataclass(frozen=True, slots=True)
class Known:
    """An article as it may be answered with."""

    id: UUID
    key: str
    language: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that a question may be about."""

    article: Known
    score: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Calibrated for one way of scoring (docs/decisions/0014): when to answer, and when at least to offer."""

    answer: float
    margin: float  # of the best over the second
    offer: float


BY_WORDS = Thresholds(answer=0.45, margin=0.05, offer=0.2)
BY_MEANING = Thresholds(answer=0.85, margin=0.016, offer=0.82)


@dataclass(frozen=True, slots=True)
class Findings:
    """The best articles for a question, the best first, and what may be done with them."""

    hits: Sequence[Hit]
    thresholds: Thresholds
    model: str | None
    has_articles: bool = True  # near or not, in any language

    @property
    def is_sure(self) -> bool:
        """Whether the first is the answer."""
        if not self.hits or self.hits[0].score < self.thresholds.answer:
            return False
        return len(self.hits) < 2 or self.hits[0].score - self.hits[1].score >= self.thresholds.margin

    @property
    def offered(self) -> list[Hit]:
        """Those that are worth an offer."""
        return [hit for hit in self.hits if hit.score >= self.thresholds.offer][:HITS_LIMIT]


@dataclass(slots=True)
class _Shelf:
    """The articles for one language, as they stood at one moment."""

    stamp: str
    articles: list[Known]
    table: Any


class Retrieval:
    """One a worker process. With `meaning` it keeps the vectors of all articles in memory."""

    def __init__(self, database: Database, meaning: Model | None) -> None:
        self._database = database
        self._meaning = meaning
        self._shelves: dict[str, _Shelf] = {}

    async def find(self, question: str, language: str) -> Findings:
        """The articles that the question may be about."""
        text = question[:QUESTION_CHARACTERS]
        async with self._database.connection() as connection:
            rows = await connection.fetch(LEXICAL, text, stems_of(language), language, CANDIDATES)
        words = {row["id"]: (row["share"], row["rank"], row["likeness"]) for row in rows}
        shelf = await self._shelf(language)
        if self._meaning is None or shelf.table is None:
            scores = {article_id: 0.5 * share + 0.5 * likeness for article_id, (share, _, likeness) in words.items()}
            return Findings(_best(shelf.articles, scores), BY_WORDS, None, bool(shelf.articles))
        nearness = await asyncio.to_thread(self._meaning.nearness, text, shelf.table)
        scores = {}
        for known, near in zip(shelf.articles, nearness, strict=True):
            share, rank, _ = words.get(known.id, (0.0, 0.0, 0.0))
            scores[known.id] = near + 0.02 * share + 0.02 * rank
        return Findings(_best(shelf.articles, scores), BY_MEANING, self._meaning.model)

    async def article(self, article_id: UUID) -> Known | None:
        """One that may be answered with."""
        query = "SELECT id, key, language, title, text FROM articles WHERE id = $1 AND enabled"
        async with self._database.connection() as connection:
            row = await connection.fetchrow(query, article_id)
        return None if row is None else Known(*row)

    async def titled(self, text: str, language: str) -> Known | None:
        """The article whose title somebody wrote, and nothing else: a button, typed."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(TITLED, text.strip()[: TITLE_CHARACTERS + 1], language)
        return None if row is None else Known(*row)

    async def take_in(self) -> int:
        """Find the meaning of some articles that are new or reworded; returns of how many."""
        if self._meaning is None:
            return 0
        taken, until = 0, clock.monotonic() + EMBED_SECONDS
        async with self._database.connection() as connection:
            rows = await connection.fetch(UNMEANT, self._meaning.model, EMBED_AT_ONCE)
        for row in rows:
            vector = await asyncio.to_thread(self._meaning.of_article, row["title"], row["text"])
            async with self._database.connection() as connection:
                await connection.execute(MEANT, row["id"], vector, self._meaning.model, row["version"])
            taken += 1
            if clock.monotonic() > until:
                break
        return taken

    async def _shelf(self, language: str) -> _Shelf:
        async with self._database.connection() as connection:
            stamp = await connection.fetchval(STAMP)
            shelf = self._shelves.get(language)
            if shelf is not None and shelf.stamp == stamp:
                return shelf
            rows = await connection.fetch(SHELF, language, ARTICLES_LIMIT)
        articles = [Known(row["id"], row["key"], row["language"], row["title"], row["text"]) for row in rows]
        table = None
        # Until each has its meaning, all are compared by words: the right one may be among those without.
        if self._meaning is not None and all(row["vector_model"] == self._meaning.model for row in rows) and rows:
            table = self._meaning.table([row["vector"] for row in rows])
        shelf = self._shelves[language] = _Shelf(stamp, articles, table)
        if len(self._shelves) > SHELVES_LIMIT:
            del self._shelves[next(iter(self._shelves))]
        return shelf


def _best(articles: Sequence[Known], scores: dict[UUID, float]) -> list[Hit]:
    hits = [Hit(known, scores[known.id]) for known in articles if known.id in scores]
    return sorted(hits, key=lambda hit: -hit.score)[: 2 * HITS_LIMIT]
