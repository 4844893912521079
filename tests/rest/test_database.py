"""The database as its address describes it, whoever reads the address."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from server import ids
from server.database import Database
from server.errors import Unavailable


@pytest.fixture
async def named(database_url: str) -> AsyncIterator[tuple[Database, str]]:
    """A database whose address has settings in its query."""
    mark = "&" if "?" in database_url else "?"
    name = f"n{ids.new().hex[:8]}"
    database = Database(f"{database_url}{mark}sslmode=prefer&application_name={name}", 2)
    await database.open()
    yield database, name
    await database.close()


async def test_settings_in_the_address_reach_either_kind_of_connection(named: tuple[Database, str]) -> None:
    database, name = named
    async with database.connection() as connection:
        assert await connection.fetchval("SHOW application_name") == name
    async with database.transaction() as tx:
        assert await tx.session.scalar(text("SHOW application_name")) == name


async def test_a_server_that_became_a_standby_is_away_and_not_broken(named: tuple[Database, str]) -> None:
    database, _ = named

    async def write_plainly() -> None:
        async with database.connection() as connection:
            await connection.execute("SET default_transaction_read_only = on")
            await connection.execute("DELETE FROM threads WHERE false")

    async def write_in_a_session() -> None:
        async with database.transaction() as tx:
            await tx.session.execute(text("SET LOCAL transaction_read_only = on"))
            await tx.session.execute(text("DELETE FROM threads WHERE false"))

    for write in (write_plainly, write_in_a_session):
        with pytest.raises(Unavailable):
            await write()
