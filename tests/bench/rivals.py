"""One transaction a message, as one would write it with SQLAlchemy: the same rows and read markers as the journal's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy import bindparam, case, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine

from server.chat.constants import Status
from server.chat.journal import Draft
from server.chat.models import Message, ReadMarker, Thread
from server.database import sqlalchemy_url

CONNECTIONS = 20

Post = Callable[[Draft], Awaitable[object]]

# Moved once a second as in the journal: it is indexed, and a value that stays the same spares the index.
ACTIVE_AT = case((func.now() - Thread.active_at > timedelta(seconds=1), func.now()), else_=Thread.active_at)
COUNTED = (
    update(Thread)
    .where(Thread.id == bindparam("thread"))
    .values(top=Thread.top + 1, posted=Thread.posted + 1, active_at=ACTIVE_AT, status=Status.OPEN)
    .returning(Thread.top, Thread.posted)
)
WRITTEN = insert(Message).returning(Message.created_at)
SEEN = insert(ReadMarker)
SEEN = SEEN.on_conflict_do_update(
    index_elements=["thread_id", "user_id"],
    set_={"number": func.greatest(ReadMarker.number, SEEN.excluded.number)},
)


def pool(url: str) -> AsyncEngine:
    """The connections that one server process would hold."""
    return create_async_engine(sqlalchemy_url(url), pool_size=CONNECTIONS, max_overflow=0)


def core(engine: AsyncEngine) -> Post:
    """Three statements of SQLAlchemy Core in a transaction, built once."""

    async def post(draft: Draft) -> None:
        async with engine.begin() as connection:
            place = (await connection.execute(COUNTED, {"thread": draft.thread_id})).one()
            await connection.execute(WRITTEN, _row(draft, place.posted, place.top))
            mark = {"thread_id": draft.thread_id, "user_id": draft.author_id, "number": place.posted}
            await connection.execute(SEEN, mark)

    return post


def orm(engine: AsyncEngine) -> Post:
    """The same with mapped objects."""
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    async def post(draft: Draft) -> None:
        async with sessions.begin() as session:
            thread = await session.get_one(Thread, draft.thread_id, with_for_update=True)
            thread.top, thread.posted, thread.status = thread.top + 1, thread.posted + 1, Status.OPEN
            session.add(Message(**_row(draft, thread.posted, thread.top)))
            await session.merge(ReadMarker(thread_id=draft.thread_id, user_id=draft.author_id, number=thread.posted))

    return post


def _row(draft: Draft, number: int, offset: int) -> dict[str, object]:
    return {
        "thread_id": draft.thread_id,
        "number": number,
        "offset": offset,
        "id": draft.id,
        "author_id": draft.author_id,
        "author_kind": draft.author_kind,
        "text": draft.text,
        "client_id": draft.client_id,
        "tags": list(draft.tags),
    }
