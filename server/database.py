"""PostgreSQL: sessions in transactions, and raw connections for the statements that are worth it. Knows no table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from server.errors import Unavailable
from server.logging import named

STATEMENT_SECONDS = 10.0  # longer than any statement of a request takes; a hung server must not hang its callers
CONNECT_SECONDS = 5.0
CHECKOUT_SECONDS = 5.0
RETRY_AFTER_SECONDS = 1.0

log = named("database")

PlainConnection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

# What asyncpg raises when the server is away, restarting, or just came back: the caller may ask again.
GONE = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # An idle connection was told of a crash and has not seen its own end yet: it can do nothing any more.
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    # A wrong password, or no such database: nothing that a caller did, and the operator is told what to correct.
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    # It became a standby, its disk is full, or an administrator stopped the statement: another server may do it.
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.DiskFullError,
    asyncpg.QueryCanceledError,
)


def unavailable() -> Unavailable:
    """The one way in which the rooms say that PostgreSQL does not answer."""
    return Unavailable(
        "database_unavailable", "the database does not answer; try again", retry_after=RETRY_AFTER_SECONDS
    )


def engine(url: str, *, statement_seconds: float | None = STATEMENT_SECONDS, **options: Any) -> AsyncEngine:
    """SQLAlchemy on connections that asyncpg makes: so `?sslmode=` and the like mean the same wherever the URL is read.

    Raises ValueError, with the first connection, for a URL that asyncpg cannot read.
    """

    async def connect() -> asyncpg.Connection[asyncpg.Record]:
        return await asyncpg.connect(url, timeout=CONNECT_SECONDS, command_timeout=statement_seconds)

    return create_async_engine("postgresql+asyncpg://", async_creator=connect, **options)


class Transaction:
    """One unit of work: its session, and what to tell others once it is committed."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self._announcements: list[Callable[[], Awaitable[object] | None]] = []

    def after_commit(self, announce: Callable[[], Awaitable[object] | None]) -> None:
        """Call this when the rows are safe; never called when they are not."""
        self._announcements.append(announce)

    async def announce(self) -> None:
        """Say all that was promised. A failed announcement is logged: the rows are safe, sweeps say it again."""
        for announce in self._announcements:
            try:
                waiting = announce()
                if waiting is not None:
                    await waiting
            except Exception:
                log.exception("announcement_failed")


class Database:
    """The connections of one process: a pool for sessions, and a pool of plain ones for hot statements."""

    def __init__(self, url: str, connections: int) -> None:
        self._url = url
        self._engine = engine(
            url, pool_size=connections, max_overflow=0, pool_timeout=CHECKOUT_SECONDS, pool_pre_ping=False
        )
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        self._connections = connections
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Connections are made when first used, so a process may start before its database."""
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=self._connections,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            # asyncpg's reset is a round trip of its own; nothing here sets session state.
            reset=_keep_as_is,
        )

    async def close(self) -> None:
        """Let go of every connection; those still at work are cut after a few seconds."""
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), CONNECT_SECONDS)
            except (TimeoutError, *GONE):
                self._pool.terminate()
        await self._engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commit at the end, roll back on any error, announce after the commit. Unavailable when PostgreSQL is away."""
        try:
            async with self._sessions() as session, session.begin():
                tx = Transaction(session)
                yield tx
        except PoolTimeout as error:
            raise unavailable() from error
        except DBAPIError as error:
            if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError) or _is_gone(error):
                raise unavailable() from error
            raise
        except GONE as error:
            raise unavailable() from error
        await tx.announce()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[PlainConnection]:
        """A plain connection in autocommit, for one statement that is worth it. Unavailable when PostgreSQL is away."""
        if self._pool is None:
            raise unavailable()
        try:
            async with self._pool.acquire(timeout=CHECKOUT_SECONDS) as connection:
                try:
                    yield connection
                except GONE:
                    connection.terminate()  # or the pool would hand the broken one to the next caller
                    raise
        except GONE as error:
            raise unavailable() from error


def _is_gone(error: DBAPIError) -> bool:
    cause: BaseException | None = error.orig
    while cause is not None:
        if isinstance(cause, GONE):
            return True
        cause = cause.__cause__
    return False


async def _keep_as_is(_: object) -> None:
    return None
