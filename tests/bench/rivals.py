"""One transaction a message, as one would write it with SQLAlchemy: the same rows and read markers as the journal's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import BindParameter, Executable, bindparam, case, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from server.chat.constants import Status
from server.chat.journal import Draft
from server.chat.models import Message, ReadMarker, Thread
from server.database import engine

CONNECTIONS = 20

Post = Callable[[Draft], Awaitable[object]]

# Moved once a second as in the journal: it is indexed, and a value that stays the same spares the index.
ACTIVE_AT = case((func.now() - Thread.active_at > timedelta(seconds=1), func.now()), else_=Thread.active_at)


def pool(url: str) -> AsyncEngine:
    """The connections that one server process would hold."""
    return engine(url, statement_seconds=None, pool_size=CONNECTIONS, max_overflow=0)


def core(engine: AsyncEngine) -> Post:
    """Three statements of SQLAlchemy Core in a transaction, written where they are used, as its manual does."""

    async def post(draft: Draft) -> None:
        async with engine.begin() as connection:
            place = (await connection.execute(_counted(draft.thread_id))).one()
            await connection.execute(_written(), _row(draft, place.posted, place.top))
            await connection.execute(_seen(), _mark(draft, place.posted))

    return post


def core_tuned(engine: AsyncEngine) -> Post:
    """The same with the statements built once and kept, which few do: building costs more than sending them."""
    counted, written, seen = _counted(bindparam("thread")), _written(), _seen()

    async def post(draft: Draft) -> None:
        async with engine.begin() as connection:
            place = (await connection.execute(counted, {"thread": draft.thread_id})).one()
            await connection.execute(written, _row(draft, place.posted, place.top))
            await connection.execute(seen, _mark(draft, place.posted))

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


def _mark(draft: Draft, number: int) -> dict[str, object]:
    return {"thread_id": draft.thread_id, "user_id": draft.author_id, "number": number}


def _counted(thread: UUID | BindParameter[UUID]) -> Executable:
    update_thread = update(Thread).where(Thread.id == thread)
    new = update_thread.values(top=Thread.top + 1, posted=Thread.posted + 1, active_at=ACTIVE_AT, status=Status.OPEN)
    return new.returning(Thread.top, Thread.posted)


def _written() -> Executable:
    return insert(Message).returning(Message.created_at)


def _seen() -> Executable:
    new = insert(ReadMarker)
    number = func.greatest(ReadMarker.number, new.excluded.number)
    return new.on_conflict_do_update(index_elements=["thread_id", "user_id"], set_={"number": number})
