"""The private engines: what they must survive, and what must never happen to the data."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from server.embedded.engine import Engine
from server.embedded.home import Home, kept, open_home
from server.embedded.orphan import command_of
from server.embedded.postgres import Postgres
from server.embedded.profile import DURABLE, FLEETING
from server.embedded.valkey import Valkey
from server.embedded.where import EngineFailed
from tests.eventually import eventually

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs engines as somebody else")


@pytest.fixture
def home(folder: Path) -> Home:
    return open_home(folder / "data")


@pytest.fixture
def postgres(home: Home) -> Iterator[Postgres]:
    engine = Postgres(home, DURABLE)
    yield engine
    engine.stop()


@pytest.fixture
def valkey(home: Home) -> Iterator[Valkey]:
    engine = Valkey(home, DURABLE)
    yield engine
    engine.stop()


async def write(url: str, text: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS said (text text)")
    await connection.execute("INSERT INTO said VALUES ($1)", text)
    await connection.close()


async def read(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT text FROM said")
    await connection.close()
    return [row["text"] for row in rows]


@pytest.mark.parametrize("end", [Postgres.stop, Postgres.kill], ids=["stopped", "killed"])
async def test_what_was_written_is_there_after(end: Callable[[Postgres], None], postgres: Postgres) -> None:
    postgres.start()
    await write(postgres.url(), "hello")
    end(postgres)
    assert postgres.pid == 0
    postgres.start()
    assert await read(postgres.url()) == ["hello"]


async def test_a_killed_valkey_comes_back_with_its_keys(valkey: Valkey) -> None:
    valkey.start()
    async with redis.asyncio.Redis.from_url(valkey.url) as client:
        await client.set("key", "value")
        # Its file is written in the same turn as the answer and flushed each second: a killed process loses nothing.
    valkey.kill()
    valkey.start()
    async with redis.asyncio.Redis.from_url(valkey.url) as client:
        assert await client.get("key") == b"value"


async def test_an_engine_that_outlived_its_launcher_is_taken_over(
    postgres: Postgres, valkey: Valkey, home: Home
) -> None:
    for orphan in (postgres, valkey):
        orphan.start()
    await write(postgres.url(), "hello")
    heir, second = Postgres(home, FLEETING), Valkey(home, DURABLE)
    try:
        heir.start()
        second.start()
        assert (postgres.pid, valkey.pid) == (0, 0)
        assert await read(heir.url()) == ["hello"]
    finally:
        heir.stop()
        second.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
async def test_engines_end_with_a_launcher_that_was_killed(folder: Path) -> None:
    launcher = (
        "import sys; from pathlib import Path; from server.embedded import home, postgres, valkey, profile\n"
        "home = home.open_home(Path(sys.argv[1]))\n"
        "engines = postgres.Postgres(home, profile.FLEETING), valkey.Valkey(home, profile.FLEETING)\n"
        "for engine in engines: engine.start()\n"
        "print(*(engine.pid for engine in engines), flush=True)\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", launcher, str(folder / "data")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 2
        process.send_signal(signal.SIGKILL)
    await eventually(lambda: [command_of(pid) for pid in pids] == [None, None])


@pytest.mark.parametrize("whose", ["zombie", "stranger", "nobody"])
def test_a_pid_file_that_names_somebody_else_is_no_obstacle(
    whose: str, postgres: Postgres, valkey: Valkey, home: Home
) -> None:
    engines: tuple[Engine, ...] = (postgres, valkey)
    for engine in engines:
        engine.start()
        engine.kill()
    zombie = subprocess.Popen([sys.executable, "-c", ""])  # ended and not asked for: its pid stays taken
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    pid = {"zombie": zombie.pid, "stranger": os.getppid(), "nobody": 2**22 - 1}[whose]
    for pid_file in (next(home.engines.glob("pg*/postmaster.pid")), next(home.engines.glob("*/server.pid"))):
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(pid), *lines[1:]]))
    for engine in engines:
        engine.start()
        assert engine.pid
    zombie.wait()


def test_half_a_cluster_is_made_anew(postgres: Postgres, home: Home) -> None:
    name = f"pg{postgres.major}"
    for unfinished in (name, f"{name}.new", f"{name}.handover"):
        (home.engines / unfinished / "base").mkdir(parents=True)
    kept(home.root / f"{name}.password")
    postgres.start()
    assert postgres.pid


def test_data_of_another_version_is_not_passed_over(postgres: Postgres, home: Home) -> None:
    older = home.engines / "pg13"
    older.mkdir()
    (older / "PG_VERSION").write_text("13")
    with pytest.raises(EngineFailed, match="holds pg13"):
        postgres.start()


def test_a_lost_password_is_named(postgres: Postgres, home: Home) -> None:
    postgres.start()
    postgres.stop()
    (home.root / f"pg{postgres.major}.password").unlink()
    with pytest.raises(EngineFailed, match="password"):
        postgres.start()


def test_what_stands_in_the_log_is_said_when_it_does_not_start(valkey: Valkey, home: Home) -> None:
    valkey.start()
    valkey.stop()
    manifest = next(home.engines.glob("*/appendonlydir/*.manifest"))
    manifest.write_text("nonsense\n")
    with pytest.raises(EngineFailed, match="Valkey does not start"):
        valkey.start()


async def test_a_long_path_gets_a_short_socket(folder: Path) -> None:
    deep = folder / ("a" * 65) / ("b" * 65)
    home = open_home(deep)
    postgres, valkey = Postgres(home, FLEETING), Valkey(home, FLEETING)
    try:
        for engine in (postgres, valkey):
            engine.start()
        await write(postgres.url(), "hello")
        assert home.engines == deep
        assert open_home(deep).sockets == home.sockets != deep / "run"
    finally:
        postgres.stop()
        valkey.stop()
        home.sockets.rmdir()


@AS_ROOT
async def test_a_closed_parent_folder_stays_closed(folder: Path) -> None:
    folder.chmod(0o700)
    with tempfile.TemporaryDirectory(prefix="parley-test-", dir="/var/tmp") as elsewhere:
        os.chmod(elsewhere, 0o711)
        home = open_home(folder / "data", elsewhere=Path(elsewhere))
        postgres, valkey = Postgres(home, FLEETING), Valkey(home, FLEETING)
        try:
            for engine in (postgres, valkey):
                engine.start()
            await write(postgres.url(), "hello")
            assert home.engines.is_relative_to(elsewhere)
            assert open_home(folder / "data", elsewhere=Path(elsewhere)) == home
        finally:
            postgres.stop()
            valkey.stop()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_nobody_else_can_read_what_is_kept(postgres: Postgres, valkey: Valkey, home: Home) -> None:
    postgres.start()
    valkey.start()
    secrets = [*home.root.glob("*.password"), home.root / "logs", home.sockets, *home.engines.glob("pg[0-9]*[0-9]")]
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode) & 0o077) for path in secrets} == {
        path.name: "0o0" for path in secrets
    }


async def test_a_wrong_password_does_not_get_in(postgres: Postgres) -> None:
    postgres.start()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.url(), password="guess")


def test_a_secret_is_made_once(folder: Path) -> None:
    assert kept(folder / "key") == kept(folder / "key") != kept(folder / "other")
    assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600
