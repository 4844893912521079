"""What the assistant knows, and what people may see and say of it: articles, decisions, thumbs."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import Row, cast, func, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import REGCONFIG, insert

from server import clock
from server.assistant.constants import Carrier, stems_of
from server.assistant.models import Article, ArticleVersion, Attendance, Decision
from server.assistant.schemas import NewArticle
from server.auth.policy import Caller
from server.chat import service as chat_service
from server.chat.service import Chat
from server.database import Transaction
from server.errors import Conflict, Invalid, Missing

Shown: TypeAlias = "Row[*tuple[Any, ...]]"

SHOWN: tuple[Any, ...] = (
    Article.id,
    Article.key,
    Article.language,
    Article.title,
    Article.text,
    Article.enabled,
    Article.version,
    Article.created_at,
    Article.updated_at,
    Article.updated_by,
)


@dataclass(frozen=True, slots=True)
class Imported:
    """How many articles an import made, changed, and found as they were."""

    created: int
    updated: int
    unchanged: int


async def create(tx: Transaction, caller: Caller, new: NewArticle) -> Shown:
    """Keep an article. Raises Conflict where there is one of this key in this language."""
    row = new.model_dump() | {"words": _words(new.language, new.title, new.text), "updated_by": caller.user}
    made = insert(Article).values(row).on_conflict_do_nothing(index_elements=["key", "language"]).returning(*SHOWN)
    found = (await tx.session.execute(made)).one_or_none()
    if found is None:
        raise Conflict("article_exists", "there is an article of this key in this language; change that one")
    return found


async def change(
    tx: Transaction,
    caller: Caller,
    article_id: UUID,
    *,
    title: str | None = None,
    words: str | None = None,
    enabled: bool | None = None,
) -> Shown:
    """Change an article; a wording that is replaced is kept as a version."""
    found = await tx.session.get(Article, article_id, with_for_update=True)
    if found is None:
        raise _no_article()
    new_title, new_text = title or found.title, words or found.text
    values: dict[str, Any] = {} if enabled is None or enabled == found.enabled else {"enabled": enabled}
    if (new_title, new_text) != (found.title, found.text):
        old = {"version": found.version, "title": found.title, "text": found.text, "replaced_by": caller.user}
        tx.session.add(ArticleVersion(article_id=article_id, **old))
        values |= {"title": new_title, "text": new_text, "version": found.version + 1, "vector_model": None}
        values["words"] = _words(found.language, new_title, new_text)
    if values:
        values |= {"updated_at": clock.now(), "updated_by": caller.user}
        await tx.session.flush()
        await tx.session.execute(update(Article).where(Article.id == article_id).values(values))
    return await article(tx, article_id)


async def bring_in(tx: Transaction, caller: Caller, articles: list[NewArticle]) -> Imported:
    """Create what is new and change what differs, all or nothing; articles that are not named stay as they are."""
    created = updated = 0
    for new in sorted(articles, key=lambda each: (each.key, each.language)):
        of_it = (Article.key == new.key, Article.language == new.language)
        found = (await tx.session.execute(select(Article.id, Article.version).where(*of_it))).one_or_none()
        if found is None:
            await create(tx, caller, new)
            created += 1
            continue
        now = await change(tx, caller, found.id, title=new.title, words=new.text)
        updated += now.version != found.version
    return Imported(created, updated, len(articles) - created - updated)


async def article(tx: Transaction, article_id: UUID) -> Shown:
    """One article."""
    found = (await tx.session.execute(select(*SHOWN).where(Article.id == article_id))).one_or_none()
    if found is None:
        raise _no_article()
    return found


async def versions(tx: Transaction, article_id: UUID) -> list[ArticleVersion]:
    """The wordings that were replaced, the oldest first."""
    await article(tx, article_id)
    query = select(ArticleVersion).where(ArticleVersion.article_id == article_id).order_by(ArticleVersion.version)
    return list(await tx.session.scalars(query))


async def listing(
    tx: Transaction, *, language: str | None, enabled: bool | None, q: str | None, limit: int, cursor: str | None
) -> tuple[list[Shown], str | None]:
    """A page of articles by key and language; with `q` the best of those that hold the words, without a next page."""
    query = select(*SHOWN)
    if language is not None:
        query = query.where(Article.language == language)
    if enabled is not None:
        query = query.where(Article.enabled == enabled)
    if q is not None:
        asked = func.websearch_to_tsquery(cast(stems_of(language or "en"), REGCONFIG), q)
        as_written = Article.title.icontains(q, autoescape=True)
        query = query.where(or_(Article.words.bool_op("@@")(asked), as_written))
        query = query.order_by(func.ts_rank(Article.words, asked).desc(), Article.key, Article.language)
        return list(await tx.session.execute(query.limit(limit))), None
    if cursor is not None:
        query = query.where(tuple_(Article.key, Article.language) > tuple_(*_read_cursor(cursor, 2)))
    rows = list(await tx.session.execute(query.order_by(Article.key, Article.language).limit(limit + 1)))
    following = _cursor(rows[limit - 1].key, rows[limit - 1].language) if len(rows) > limit else None
    return rows[:limit], following


async def decisions(
    tx: Transaction, *, thread_id: UUID | None, limit: int, cursor: str | None
) -> tuple[list[Decision], str | None]:
    """What came of questions, the newest first; of one thread, or of all."""
    query = select(Decision).order_by(Decision.question_id.desc()).limit(limit + 1)
    if thread_id is not None:
        query = query.where(Decision.thread_id == thread_id)
    if cursor is not None:
        try:
            query = query.where(Decision.question_id < UUID(_read_cursor(cursor, 1)[0]))
        except ValueError as error:
            raise _bad_cursor() from error
    rows = list(await tx.session.scalars(query))
    return rows[:limit], _cursor(str(rows[limit - 1].question_id)) if len(rows) > limit else None


async def judge(tx: Transaction, chat: Chat, caller: Caller, reply_id: UUID, *, is_helpful: bool) -> None:
    """Keep the thumb that somebody gives a reply in a thread that they may read; the last one counts."""
    found = await tx.session.scalar(select(Decision).where(Decision.reply_id == reply_id))
    if found is None:
        raise _no_answer()
    try:
        await chat_service.check_reader(chat, caller, found.thread_id)
    except Missing as error:
        raise _no_answer() from error
    found.is_helpful = is_helpful


async def set_carrier(tx: Transaction, chat: Chat, caller: Caller, thread_id: UUID, carrier: Carrier | None) -> None:
    """Say who answers in one thread; None for what the installation is set to."""
    await chat_service.check_manager(chat, caller, thread_id)
    new = insert(Attendance).values(thread_id=thread_id, carrier=carrier)
    await tx.session.execute(
        new.on_conflict_do_update(index_elements=["thread_id"], set_={"carrier": new.excluded.carrier})
    )


def _words(language: str, title: str, body: str) -> Any:
    """Stems, those of the title weighing more."""
    stems = cast(stems_of(language), REGCONFIG)
    return func.setweight(func.to_tsvector(stems, title), text("'A'")).op("||")(
        func.setweight(func.to_tsvector(stems, body), text("'B'"))
    )


def _cursor(*parts: str) -> str:
    return base64.urlsafe_b64encode(" ".join(parts).encode()).decode()


def _read_cursor(cursor: str, count: int) -> list[str]:
    try:
        parts = base64.urlsafe_b64decode(cursor).decode().split(" ")
    except (binascii.Error, ValueError) as error:
        raise _bad_cursor() from error
    if len(parts) != count or any("\x00" in part for part in parts):
        raise _bad_cursor()
    return parts


def _bad_cursor() -> Invalid:
    return Invalid("bad_cursor", "a cursor comes from the `next` of an earlier page")


def _no_article() -> Missing:
    return Missing("no_such_article", "there is no such article")


def _no_answer() -> Missing:
    return Missing("no_such_answer", "this is no answer of the assistant's, or it is not yours")
