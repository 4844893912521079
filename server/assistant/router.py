"""The assistant over REST: articles, decisions, thumbs, and who answers in a thread. Reads, calls one verb, answers."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from server.assistant import service
from server.assistant.constants import PAGE_LIMIT
from server.assistant.imports import File, articles_of
from server.assistant.schemas import (
    ArticleChange,
    ArticleImport,
    ArticlePage,
    ArticleVersionView,
    ArticleView,
    AttendanceChange,
    AttendanceView,
    DecisionPage,
    DecisionView,
    Feedback,
    ImportOutcome,
    NewArticle,
)
from server.auth.dependencies import CurrentOperator, CurrentUser
from server.chat.dependencies import TheChat
from server.codes import SIGNED_IN, documented
from server.inputs import Text
from server.web import Tx

router = APIRouter(prefix="/assistant", tags=["assistant"])

OPERATING = {**SIGNED_IN, "role_needed": 403}
FOUND = {**OPERATING, "no_such_article": 404}

ArticleId = Annotated[UUID, Path(description="The article's `id`.")]
Limit = Annotated[int, Query(ge=1, le=PAGE_LIMIT, description="How many on a page.")]
Cursor = Annotated[str | None, Query(max_length=300, description="`next` of the page before.")]


@router.post(
    "/articles", status_code=201, summary="Write an article", responses=documented(OPERATING, article_exists=409)
)
async def create(body: NewArticle, caller: CurrentOperator, tx: Tx) -> ArticleView:
    """Write an article; the assistant answers from it within a second or so. Translations share its `key`."""
    return ArticleView.model_validate(await service.create(tx, caller, body), from_attributes=True)


@router.get("/articles", summary="List and search articles", responses=documented(OPERATING, bad_cursor=422))
async def listing(
    _: CurrentOperator,
    tx: Tx,
    language: Annotated[str | None, Query(max_length=3, description="Only in this language.", examples=["en"])] = None,
    *,
    enabled: Annotated[bool | None, Query(description="Only those that are used, or those that are not.")] = None,
    q: Annotated[
        Text | None, Query(min_length=1, max_length=200, description="Only those with these words, the best first.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ArticlePage:
    """Articles by key and language. A search has one page, and takes the words for those of `language`."""
    rows, following = await service.listing(tx, language=language, enabled=enabled, q=q, limit=limit, cursor=cursor)
    views = [ArticleView.model_validate(row, from_attributes=True) for row in rows]
    return ArticlePage(articles=views, next=following)


@router.post("/imports", summary="Import articles", responses=documented(OPERATING, bad_import=422))
async def bring_in(body: ArticleImport, caller: CurrentOperator, tx: Tx) -> ImportOutcome:
    """Articles out of Markdown and CSV files, all of them or none. Sent again, only what differs is changed."""
    articles = articles_of([File(each.name, each.content) for each in body.files], body.language)
    return ImportOutcome.model_validate(await service.bring_in(tx, caller, articles), from_attributes=True)


@router.get("/articles/{article_id}", summary="Read an article", responses=documented(FOUND))
async def one(article_id: ArticleId, _: CurrentOperator, tx: Tx) -> ArticleView:
    """One article as it is now."""
    return ArticleView.model_validate(await service.article(tx, article_id), from_attributes=True)


@router.patch("/articles/{article_id}", summary="Change an article", responses=documented(FOUND))
async def change(article_id: ArticleId, body: ArticleChange, caller: CurrentOperator, tx: Tx) -> ArticleView:
    """Reword an article, or stop and start its use; what is reworded is kept as a version."""
    row = await service.change(tx, caller, article_id, title=body.title, words=body.text, enabled=body.enabled)
    return ArticleView.model_validate(row, from_attributes=True)


@router.get("/articles/{article_id}/versions", summary="Read earlier wordings", responses=documented(FOUND))
async def versions(article_id: ArticleId, _: CurrentOperator, tx: Tx) -> list[ArticleVersionView]:
    """The wordings that were replaced, the oldest first."""
    rows = await service.versions(tx, article_id)
    return [ArticleVersionView.model_validate(row, from_attributes=True) for row in rows]


@router.get("/decisions", summary="Read what the assistant decided", responses=documented(OPERATING, bad_cursor=422))
async def decisions(
    _: CurrentOperator,
    tx: Tx,
    thread_id: Annotated[UUID | None, Query(description="Only of this thread.")] = None,
    *,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> DecisionPage:
    """What came of each question and why, the newest first."""
    rows, following = await service.decisions(tx, thread_id=thread_id, limit=limit, cursor=cursor)
    views = [DecisionView.model_validate(row, from_attributes=True) for row in rows]
    return DecisionPage(decisions=views, next=following)


@router.put(
    "/feedback/{message_id}",
    status_code=204,
    summary="Thumbs up or down",
    responses=documented(SIGNED_IN, no_such_answer=404),
)
async def judge(
    message_id: Annotated[UUID, Path(description="The `id` of the assistant's message.")],
    body: Feedback,
    caller: CurrentUser,
    chat: TheChat,
    tx: Tx,
) -> None:
    """Say whether a reply of the assistant's helped; said again, the last word counts."""
    await service.judge(tx, chat, caller, message_id, is_helpful=body.helpful)


@router.put(
    "/threads/{thread_id}",
    summary="Choose who answers in a thread",
    responses=documented(SIGNED_IN, no_such_thread=404, not_a_manager=403),
)
async def attend(
    thread_id: Annotated[UUID, Path(description="The thread's `id`.")],
    body: AttendanceChange,
    caller: CurrentUser,
    chat: TheChat,
    tx: Tx,
) -> AttendanceView:
    """Another carrier than the installation's, for one thread; null to go back to it."""
    await service.set_carrier(tx, chat, caller, thread_id, body.carrier)
    return AttendanceView(thread_id=thread_id, carrier=body.carrier)
