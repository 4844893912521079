"""The real PostgreSQL and Valkey of one test session: started when a test first needs them, gone when the session is.

With pytest-xdist many processes share them and any of them may be the first to ask and the first to end. So the engines
belong to a keeper, a process of its own, which lives as long as pytest's first process holds a file lock.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from server.embedded import schema
from server.embedded.engine import Engine
from server.embedded.home import Home, open_home
from server.embedded.postgres import Postgres
from server.embedded.profile import FLEETING
from server.embedded.valkey import Valkey

SESSION = "PARLEY_TEST_SESSION"


@dataclass(frozen=True, slots=True)
class Engines:
    """Where they are. Each pytest process has a Valkey of its own: channels are not divided by database number."""

    database: str
    template: str
    redis: tuple[str, ...]


@contextmanager
def session() -> Iterator[None]:
    """Around everything that pytest's first process does: what was started within is stopped and removed at its end."""
    path = Path(tempfile.mkdtemp(prefix="parley-tests-"))
    path.chmod(0o711)  # the engines may run as another user, who has to walk through
    os.environ[SESSION] = str(path)
    try:
        with _locked(path / "alive"):
            yield
        with _locked(path / "keeper"):  # until it has stopped the engines
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.environ.pop(SESSION, None)


def engines() -> Engines:
    """Those of this session, started by the first who asks."""
    path = Path(os.environ[SESSION])
    told = path / "engines.json"
    with _locked(path / "starting"):
        if not told.exists():
            said = subprocess.run(
                [sys.executable, "-m", "tests.engines", str(path), str(worker_count())],
                cwd=schema.ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
            if said.returncode != 0:
                raise RuntimeError(f"the engines for the tests did not start:\n{(path / 'log').read_text()}")
        found = json.loads(told.read_text())
    return Engines(found["database"], found["template"], tuple(found["redis"]))


def worker() -> int:
    """Which of the pytest processes this is, counted from 0."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def worker_count() -> int:
    """How many pytest processes share the engines."""
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def named(url: str, database: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def execute(url: str, statement: str) -> None:
    """One statement on a connection of its own; CREATE and DROP DATABASE want nothing else around them."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _keep(path: Path, workers: int, ready: int) -> None:
    """The keeper's whole life. TEST_DATABASE_URL and TEST_REDIS_URL name servers to use instead of starting some."""
    home = open_home(path / "home")
    started: list[Engine] = []
    try:
        with _locked(path / "keeper"):
            found = _start(home, workers, started)
            (path / "engines.json").write_text(json.dumps(asdict(found)))
            os.write(ready, b"1")
            os.close(ready)
            with _locked(path / "alive"):
                asyncio.run(_drop(found))
            for engine in reversed(started):
                engine.stop()
    finally:
        shutil.rmtree(home.engines, ignore_errors=True)
        shutil.rmtree(home.sockets, ignore_errors=True)
        if (path / "engines.json").exists():  # else the log is still to be read
            shutil.rmtree(path, ignore_errors=True)


def _start(home: Home, workers: int, started: list[Engine]) -> Engines:
    database = os.environ.get("TEST_DATABASE_URL", "")
    if not database:
        postgres = Postgres(home, FLEETING)
        postgres.start()
        started.append(postgres)
        database = postgres.url()
    template = f"parley_test_{secrets.token_hex(4)}"
    asyncio.run(_make_template(database, template))
    if redis := os.environ.get("TEST_REDIS_URL", ""):
        return Engines(database, template, tuple(named(redis, str(number)) for number in range(workers)))
    valkeys = [Valkey(home, FLEETING, f"-{number}") for number in range(workers)]
    for valkey in valkeys:
        valkey.start()
        started.append(valkey)
    return Engines(database, template, tuple(valkey.url for valkey in valkeys))


async def _make_template(url: str, template: str) -> None:
    await execute(url, f'CREATE DATABASE "{template}"')
    if (schema.ROOT / "alembic.ini").exists():
        await schema.migrate(named(url, template))


async def _drop(found: Engines) -> None:
    connection = await asyncpg.connect(found.database)
    try:
        mine = await connection.fetch("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", found.template)
        for row in mine:
            await connection.execute(f'DROP DATABASE IF EXISTS "{row["datname"]}" WITH (FORCE)')
    finally:
        await connection.close()


def main() -> None:
    """Start the keeper in the background; return when the engines serve, exit 1 when they do not."""
    path, workers = Path(sys.argv[1]), int(sys.argv[2])
    told, ready = os.pipe()
    if os.fork():
        os.close(ready)
        sys.exit(0 if os.read(told, 1) else 1)
    os.close(told)
    os.setsid()
    log = os.open(path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    _keep(path, workers, ready)


if __name__ == "__main__":
    main()
