"""The engines that the tests themselves stand on."""

from __future__ import annotations

import os

import asyncpg
import pytest
import redis.asyncio


async def test_every_database_is_one_of_its_own(database_url: str, fresh_database: str, empty_database: str) -> None:
    urls = {database_url, fresh_database, empty_database}
    names = set()
    for url in urls:
        connection = await asyncpg.connect(url)
        names.add(await connection.fetchval("SELECT current_database()"))
        await connection.close()
    assert len(names) == len(urls) == 3


async def test_an_empty_database_has_no_table(empty_database: str) -> None:
    connection = await asyncpg.connect(empty_database)
    tables = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    assert tables == 0


async def test_text_is_sorted_and_lowered_alike_on_every_machine(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT lower('ПРИВЕТ, ÄÖÜ')") == "привет, äöü"
    await connection.close()


async def test_the_session_has_a_valkey_that_answers(redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        assert await client.ping()


async def test_engines_listen_on_no_network(database_url: str) -> None:
    if "TEST_DATABASE_URL" in os.environ:
        pytest.skip("the server named by TEST_DATABASE_URL may listen where it likes")
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SHOW listen_addresses") == ""
    await connection.close()
