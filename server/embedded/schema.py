"""Bring a database to the newest migration. Of several processes that ask at once, one works and the others wait."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from server.config import Misconfigured
from server.errors import Unavailable

ROOT = Path(__file__).resolve().parents[2]
FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError)
CONNECT_SECONDS = 10.0
LOCK = 0x7061726C6579  # "parley": any number that no other program locks in the same database


def configuration(url: str) -> Config:
    """Alembic's view of this project, for the database at `url`; migrations/env.py reads it as `sqlalchemy.url`."""
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


async def migrate(url: str) -> None:
    """Run what has not run yet, under a lock that the database holds for us. Call it outside of any transaction.

    Raises Unavailable, in one line with the remedy, when PostgreSQL does not answer or does not take it.
    """
    try:
        await _migrate(url)
    except FAILURES as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        detail = f"PostgreSQL does not take the migration ({why}): start it, or correct DATABASE_URL and its rights"
        raise Unavailable("database_unavailable", detail) from error


async def _migrate(url: str) -> None:
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    except asyncpg.InterfaceError:
        raise
    except ValueError:  # its text may hold a piece of the password
        raise Misconfigured(
            "DATABASE_URL cannot be read: it has the form postgresql://user:password@host:5432/name, "
            "with special characters percent-encoded"
        ) from None
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        # A thread of its own: env.py opens an event loop for its async engine.
        await asyncio.to_thread(command.upgrade, configuration(url), "head")
    finally:
        await connection.close()


async def revisions(url: str) -> tuple[str, str]:
    """The migration the database stands at, and the newest there is; empty for none."""
    newest = ScriptDirectory.from_config(configuration(url)).get_current_head() or ""
    connection = await asyncpg.connect(url)
    try:
        if not await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
            return "", newest
        return await connection.fetchval("SELECT version_num FROM alembic_version") or "", newest
    finally:
        await connection.close()
