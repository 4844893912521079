"""Bring a database to the newest migration. Of several processes that ask at once, one works and the others wait."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

ROOT = Path(__file__).resolve().parents[2]
LOCK = 0x7061726C6579  # "parley": any number that no other program locks in the same database


def configuration(url: str) -> Config:
    """Alembic's view of this project, for the database at `url`; migrations/env.py reads it as `sqlalchemy.url`."""
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


async def migrate(url: str) -> None:
    """Run what has not run yet, under a lock that the database holds for us. Call it outside of any transaction."""
    connection = await asyncpg.connect(url)
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
