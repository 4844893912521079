"""`parley serve` and its neighbours in production: servers that others run, several processes on one port."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx2
import pytest

from server.embedded.orphan import command_of
from server.serving import Leave
from tests.embedded.installation import Installation
from tests.eventually import eventually

SECRET = "not-a-default-and-long-enough-to-sign"


@pytest.fixture
def production(folder: Path, fresh_database: str, redis_url: str) -> Installation:
    return Installation(folder, DATABASE_URL=fresh_database, REDIS_URL=redis_url, SECRET_KEY=SECRET)


async def test_two_processes_serve_one_port_and_replace_each_other(production: Installation) -> None:
    production.start("serve", "--processes", "2")
    url = await production.ready()
    servers = production.descendants(production.pid)
    assert len(servers) == 2
    os.kill(servers[0], signal.SIGKILL)
    async with httpx2.AsyncClient(base_url=url, timeout=20) as client:
        assert (await client.get("/health/ready")).status_code == 200
    beside = production.beside("doctor", PORT=url.rpartition(":")[2])
    assert await beside.ended() == 0
    assert f"the server at {url} is ready" in beside.said
    await eventually(lambda: len(set(production.descendants(production.pid)) - {servers[0]}) == 2, within=10)
    everyone = production.descendants(production.pid)
    assert await production.stop() == 0
    assert [pid for pid in everyone if command_of(pid) is not None] == []
    assert not production.data_dir.exists(), "nothing is embedded when both servers are named"


async def test_a_server_says_where_it_is_and_that_it_leaves(production: Installation) -> None:
    production.start("serve")
    url = await production.ready()
    assert await production.stop(signal.SIGINT) == 0
    assert [line for line in production.said.splitlines() if not line.startswith("{")] == [
        f"Parley serves at {url}",
        "Stopping; open sockets are given 1 seconds.",
    ]
    assert "not_ready" not in production.said


async def test_a_balancer_sees_that_a_server_leaves_before_the_door_closes(
    folder: Path, fresh_database: str, redis_url: str
) -> None:
    named = {"DATABASE_URL": fresh_database, "REDIS_URL": redis_url, "SECRET_KEY": SECRET}
    parley = Installation(folder, DRAIN_SECONDS="5", **named)
    parley.start("serve")
    anew = {"connection": "close"}  # as a balancer asks
    async with httpx2.AsyncClient(base_url=await parley.ready(), headers=anew, timeout=20) as client:
        os.kill(parley.pid, signal.SIGTERM)

        async def red() -> httpx2.Response | None:
            found = await client.get("/health/ready")
            return found if found.status_code == 503 else None

        assert (await eventually(red)).json()["drain"] == "this process is about to end"
        assert (await client.get("/health/live")).status_code == 200
    assert await parley.ended() == 0


def test_only_where_a_balancer_may_stand_the_door_stays_open() -> None:
    assert Leave(5).notice_seconds(signal.SIGTERM) == 3
    assert Leave(1).notice_seconds(signal.SIGTERM) == 1
    assert Leave(5).notice_seconds(signal.SIGINT) == 0
    assert Leave(5, is_balanced=False).notice_seconds(signal.SIGTERM) == 0


async def test_a_server_names_what_it_misses_with_the_remedy(folder: Path) -> None:
    nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "REDIS_URL": "redis://127.0.0.1:1"}
    parley = Installation(folder, SECRET_KEY=SECRET, **nowhere)
    parley.start("serve")
    await eventually(lambda: "correct DATABASE_URL" in parley.said and "correct REDIS_URL" in parley.said, within=30)
    assert await parley.stop() == 0
    assert parley.said.count('"not_ready"') == 2
    assert "Parley serves" not in parley.said


async def test_a_server_on_a_database_without_tables_waits_for_the_migration(
    folder: Path, empty_database: str, redis_url: str
) -> None:
    parley = Installation(folder, DATABASE_URL=empty_database, REDIS_URL=redis_url, SECRET_KEY=SECRET)
    parley.start("serve")
    await eventually(lambda: "run `parley migrate`" in parley.said, within=30)
    assert await parley.beside("migrate").ended() == 0
    await parley.ready()
    assert await parley.stop() == 0


async def test_the_doctor_says_what_is_right_and_what_to_do_about_the_rest(
    production: Installation, empty_database: str, redis_url: str, folder: Path
) -> None:
    production.start("doctor")
    assert await production.ended() == 0
    assert "wrong" not in production.said
    unwell = Installation(folder, DATABASE_URL=empty_database, REDIS_URL="redis://127.0.0.1:1", SECRET_KEY="secret")
    unwell.start("doctor")
    assert await unwell.ended() == 1
    assert [line for line in unwell.said.splitlines() if "->" in line] == [
        "       -> SECRET_KEY is a default or shorter than 32 characters: make one with `openssl rand -hex 32`",
        "       -> run `parley migrate`",
        "       -> start it, or correct REDIS_URL",
    ]


async def test_migrate_brings_an_empty_database_to_the_newest_state(folder: Path, empty_database: str) -> None:
    parley = Installation(folder, DATABASE_URL=empty_database)
    parley.start("migrate")
    assert await parley.ended() == 0
    parley.start("user", "create", "ada@example.com", "--role", "operator")
    assert await parley.ended() == 0
    assert "ada@example.com may sign in as operator. The password: " in parley.said
    parley.start("token", "create", "ada@example.com", "--name", "ci")
    assert await parley.ended() == 0


@pytest.mark.parametrize("command", ["up", "migrate"])
@pytest.mark.parametrize(
    "url", ["postgresql://nobody@127.0.0.1:1/nothing", "postgresql://nobody@127.0.0.1/a?sslmode=b"]
)
async def test_a_database_that_cannot_be_reached_is_one_line_with_the_remedy(
    folder: Path, redis_url: str, command: str, url: str
) -> None:
    parley = Installation(folder, DATABASE_URL=url, REDIS_URL=redis_url, SECRET_KEY=SECRET)
    parley.start(command)
    assert await parley.ended() == 1
    assert parley.said.startswith("parley: PostgreSQL does not take the migration (")
    assert parley.said.endswith("): start it, or correct DATABASE_URL and its rights\n")
    assert parley.said.count("\n") == 1


async def test_a_database_url_that_cannot_be_read_is_not_repeated(folder: Path) -> None:
    parley = Installation(folder, DATABASE_URL="postgresql://me:pass@word@127.0.0.1:secret/parley")
    parley.start("migrate")
    assert await parley.ended() == 2
    assert parley.said.startswith("parley: DATABASE_URL cannot be read: ")
    assert "secret" not in parley.said


async def test_up_on_named_servers_embeds_nothing_and_makes_nobody(production: Installation) -> None:
    production.start("up")
    await production.ready()
    commands = [command_of(pid) or "" for pid in production.descendants(production.pid)]
    assert await production.stop() == 0
    assert all("server.cli" in command for command in commands)
    assert "password" not in production.said
    assert not production.data_dir.exists()
