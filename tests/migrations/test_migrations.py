"""The migrations lead from nothing to exactly the tables of the models, and back."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.pool import NullPool

import server.assistant.models
import server.auth.models
import server.bot.models
import server.broadcast.models
import server.chat.models
import server.hooks.models  # noqa: F401  imported for their tables
from server.database import engine as engine_of
from server.embedded.schema import configuration, migrate, revisions
from server.models import Base

# Constraints, defaults and indexes as PostgreSQL itself writes them down.
SHAPE = """
SELECT 'column', table_name || '.' || column_name,
       concat_ws(' ', data_type, is_nullable, column_default, generation_expression)
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
UNION ALL
SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
UNION ALL
SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
UNION ALL
SELECT 'table', relname, coalesce(array_to_string(reloptions, ','), '') FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
ORDER BY 1, 2, 3
"""


async def shape(url: str) -> list[tuple[str, ...]]:
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(SHAPE)]
    finally:
        await connection.close()


async def with_models(url: str, compare: bool) -> list[Any]:
    """Make the tables from the models; or say in what the database differs from them."""

    def differences(connection: Connection) -> list[Any]:
        if not compare:
            Base.metadata.create_all(connection)
            return []
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        return list(compare_metadata(context, Base.metadata))

    engine = engine_of(url, statement_seconds=None, poolclass=NullPool)
    async with engine.begin() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    return found


def test_there_is_one_way_and_every_step_leads_back() -> None:
    script = ScriptDirectory.from_config(configuration("postgresql://nowhere"))
    assert len(script.get_heads()) == 1
    for step in script.walk_revisions():
        assert step.doc, "a step says what it is for"
        assert not step.is_merge_point


async def test_up_down_and_up_again_comes_to_the_same(empty_database: str) -> None:
    await migrate(empty_database)
    first = await shape(empty_database)
    await asyncio.to_thread(command.downgrade, configuration(empty_database), "base")
    assert await shape(empty_database) == []
    assert (await revisions(empty_database))[0] == ""
    await migrate(empty_database)
    assert await shape(empty_database) == first
    now, newest = await revisions(empty_database)
    assert now == newest


async def test_twins_without_an_author_stay_two_messages(empty_database: str) -> None:
    await asyncio.to_thread(command.upgrade, configuration(empty_database), "0002")
    connection = await asyncpg.connect(empty_database)
    try:
        await connection.execute(
            'INSERT INTO messages (thread_id, number, "offset", id, author_kind, text, client_id) '
            "SELECT $1, n, n, gen_random_uuid(), 'contact', 'hello', 'a' FROM generate_series(1, 3) n",
            UUID(int=1),
        )
        await migrate(empty_database)
        kept = await connection.fetch("SELECT client_id FROM messages ORDER BY number")
    finally:
        await connection.close()
    assert [row[0] for row in kept] == ["a", None, None]


async def test_many_who_migrate_at_once_do_it_once(empty_database: str) -> None:
    await asyncio.gather(*(migrate(empty_database) for _ in range(4)))
    assert len(set(await revisions(empty_database))) == 1


async def test_alembic_sees_no_difference_to_the_models(fresh_database: str) -> None:
    assert await with_models(fresh_database, compare=True) == []


async def test_the_models_make_what_the_migrations_make(fresh_database: str, empty_database: str) -> None:
    await with_models(empty_database, compare=False)
    assert await shape(empty_database) == await shape(fresh_database)
