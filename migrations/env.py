"""How Alembic reaches the database: the address that `parley migrate` names, else DATABASE_URL."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.pool import NullPool

import server.assistant.models
import server.auth.models
import server.bot.models
import server.broadcast.models
import server.chat.models
import server.hooks.models  # noqa: F401  imported for their tables
from server.config import Settings
from server.database import engine as engine_of
from server.models import Base


def migrate(connection: Connection) -> None:
    """Carry out the revisions on this connection, in one transaction."""
    context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=False)
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_migrate() -> None:
    """The way of the `alembic` command: a connection of its own."""
    url = context.config.get_main_option("sqlalchemy.url") or Settings().database
    engine = engine_of(url, statement_seconds=None, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
    await engine.dispose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(connect_and_migrate())
