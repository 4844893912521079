"""`parley up` as its owner meets it: the first start, the next one, the second one, and every way to end."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from server.embedded.orphan import command_of
from tests.embedded.installation import Installation
from tests.eventually import eventually

SECRET = "not-a-default-and-long-enough-to-sign"
LOGIN = re.compile(r"^Sign in as (\S+) with the password (\S+)$", re.MULTILINE)


@pytest.fixture
async def parley(folder: Path) -> AsyncIterator[Installation]:
    installation = Installation(folder)
    yield installation
    if command_of(installation.pid) is not None:
        await installation.stop(signal.SIGKILL)


async def sign_in(url: str, email: str, password: str) -> int:
    async with httpx2.AsyncClient(base_url=url) as client:
        answer = await client.post("/auth/login", json={"email": email, "password": password})
    return answer.status_code


async def test_the_first_operator_is_there_after_a_power_cut_and_nothing_outlives_the_launcher(
    parley: Installation,
) -> None:
    parley.start()
    url = await parley.ready()
    login = await eventually(lambda: LOGIN.search(parley.said))
    assert f"Making a database in {parley.data_dir}, this once ..." in parley.said
    assert await sign_in(url, login[1], login[2]) == 200
    await parley.cut_the_power()

    parley.start()
    assert await sign_in(await parley.ready(), login[1], login[2]) == 200
    assert LOGIN.search(parley.said) is None
    assert "Making" not in parley.said
    children = parley.descendants(parley.pid)
    assert len(children) >= 3
    await parley.stop(signal.SIGKILL)
    await eventually(lambda: [pid for pid in children if command_of(pid) is not None] == [], within=15)


async def test_a_second_one_is_refused_and_what_ends_is_started_again(parley: Installation, folder: Path) -> None:
    parley.start()
    url = await parley.ready()
    second = Installation(folder, log="second.log")
    second.start()
    assert await second.ended() == 2
    assert f"process {parley.pid} at {url}" in second.said
    second.start("doctor")
    assert await second.ended() == 0
    assert f"running (process {parley.pid} at {url})" in second.said
    assert f"the server at {url} is ready; one at PORT=0 beside it needs a DATA_DIR of its own" in second.said
    stranger = Installation(folder / "elsewhere", log="../stranger.log", PORT=url.rpartition(":")[2])
    stranger.data_dir.parent.mkdir(mode=0o711)
    stranger.start("doctor")
    assert await stranger.ended() == 1
    assert f"another Parley answers at {url}\n       -> name its folder with DATA_DIR" in stranger.said

    children = parley.descendants(parley.pid)
    (server,) = [pid for pid in children if "serve --listening" in (command_of(pid) or "")]
    os.kill(server, signal.SIGKILL)
    async with httpx2.AsyncClient(base_url=url, timeout=20) as client:
        # The door stays open meanwhile: the call waits in it for the next server.
        assert (await client.get("/health/live")).status_code == 200
    assert await parley.stop() == 0
    assert [pid for pid in children if command_of(pid) is not None] == []


async def test_a_stop_while_it_starts_is_a_stop(parley: Installation) -> None:
    parley.start()
    await eventually(lambda: list(parley.data_dir.glob("pg*/postmaster.pid")), within=15)
    children = parley.descendants(parley.pid)
    assert await parley.stop(signal.SIGINT) == 0
    assert [pid for pid in children if command_of(pid) is not None] == []
    assert "ready" not in parley.said


async def test_a_port_in_use_is_said_before_anything_is_started(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        parley = Installation(folder, PORT=str(port))
        parley.start()
        assert await parley.ended() == 2
    assert f"port {port} on 127.0.0.1 is in use" in parley.said
    assert "PORT=8001" in parley.said
    assert not list(parley.data_dir.glob("pg*"))


@pytest.mark.parametrize(
    ("command", "settings", "words"),
    [
        ("up", {"SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ("serve", {"SECRET_KEY": "change-me"}, "SECRET_KEY is a default"),
        ("serve", {"SECRET_KEY": SECRET, "DATABASE_URL": "mysql://db/parley"}, "Parley needs postgresql://"),
        ("up", {"SECRET_KEY": SECRET, "PORT": "http"}, "PORT: "),
    ],
)
async def test_production_refuses_what_it_cannot_run_on(
    command: str, settings: dict[str, str], words: str, folder: Path
) -> None:
    servers = {"DATABASE_URL": "postgresql://db.invalid/parley", "REDIS_URL": "redis://cache.invalid"}
    parley = Installation(folder, **{**servers, **settings})
    parley.start(command)
    assert await parley.ended() == 2
    assert words in parley.said
    assert len(parley.said.splitlines()) == 1
    assert not parley.data_dir.exists()
