"""An examination of an installation: what is configured, reachable and migrated, and the remedy for what is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg
from typing_extensions import override

from server.config import Misconfigured, Settings
from server.deadletters import DeadLetters
from server.embedded import schema
from server.embedded.door import Closed, Door, address, listen
from server.embedded.home import open_home
from server.embedded.knock import knock
from server.embedded.lock import holder
from server.embedded.up import is_embedded, own_engines
from server.embedded.where import EngineFailed
from server.valkey import FAILURES, connect

CONNECT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. A remedy says that it is wrong."""

    what: str
    remedy: str = ""

    @property
    def is_wrong(self) -> bool:
        return bool(self.remedy)

    @override
    def __str__(self) -> str:
        return f"wrong  {self.what}\n       -> {self.remedy}" if self.remedy else f"ok     {self.what}"


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything, change nothing but an empty DATA_DIR; one failure does not hide the next."""
    return [finding async for finding in _all(settings)]


async def _all(settings: Settings) -> AsyncIterator[Finding]:
    yield _secret(settings)
    database, cache = settings.database_url, settings.redis_url
    runs: str | None = None
    if is_embedded(settings):
        home = open_home(settings.data_dir)
        runs = holder(home.root)
        state = f"running ({runs})" if runs else "not running; `parley up` starts them"
        yield Finding(f"private engines in {home.root}: {state}")
        try:
            postgres, valkey = own_engines(settings, home)
        except EngineFailed as error:
            yield Finding("an engine is missing", str(error))
            return
        database = postgres.url() if postgres and runs else database
        cache = valkey.url if valkey and runs else cache
    if database:
        async for finding in _database(database):
            yield finding
    if cache:
        redis = await _cache(cache)
        yield redis
        if not redis.is_wrong:
            yield await _tasks(cache)
    yield _running(settings, runs.partition(" at ")[2]) if runs else _port(settings)
    yield _telegram(settings)


def _secret(settings: Settings) -> Finding:
    if is_embedded(settings) and not settings.secret_key.get_secret_value():
        return Finding("SECRET_KEY is made and kept in DATA_DIR")
    try:
        return Finding(f"SECRET_KEY is set ({len(settings.secrets)} in use)")
    except Misconfigured as error:
        return Finding("SECRET_KEY cannot be used", str(error))


async def _database(url: str) -> AsyncIterator[Finding]:
    try:
        plain = Settings(database_url=url).database
        connection = await asyncpg.connect(plain, timeout=CONNECT_SECONDS)
        version = await connection.fetchval("SHOW server_version")
        await connection.close()
        stands, newest = await schema.revisions(plain)
    except Misconfigured as error:
        yield Finding("DATABASE_URL cannot be used", str(error))
        return
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        yield Finding(
            f"PostgreSQL does not answer ({error or type(error).__name__})", "start it, or correct DATABASE_URL"
        )
        return
    yield Finding(f"PostgreSQL {version} answers")
    if stands == newest:
        yield Finding(f"the database is migrated ({newest or 'there are no migrations'})")
    else:
        yield Finding(f"the database stands at {stands or 'nothing'}, the newest is {newest}", "run `parley migrate`")


async def _cache(url: str) -> Finding:
    try:
        async with connect(url, answer_seconds=CONNECT_SECONDS, retries=0) as client:
            server = await client.info("server")
    except (*FAILURES, ValueError) as error:
        return Finding(f"Redis does not answer ({error})", "start it, or correct REDIS_URL")
    return Finding(
        f"{server.get('server_name', 'redis')} {server.get('valkey_version', server['redis_version'])} answers"
    )


async def _tasks(url: str) -> Finding:
    try:
        count = await DeadLetters(url).count()
    except FAILURES as error:
        return Finding(f"the tasks cannot be counted ({error})", "correct what Redis says of the key")
    if count:
        return Finding(
            f"tasks that failed five times and were set aside: {count}",
            "`parley tasks` shows them; `parley tasks --retry` has them tried again",
        )
    return Finding("no task was set aside")


def _running(settings: Settings, url: str) -> Finding:
    """The server of the launcher that holds DATA_DIR, wherever it listens."""
    if not url:
        return Finding("the server is about to start")
    found = _server(url)
    if found.is_wrong or urlsplit(url).port == settings.port:
        return found
    return Finding(f"{found.what}; one at PORT={settings.port} beside it needs a DATA_DIR of its own")


def _server(url: str) -> Finding:
    parts = knock(url)
    if parts is None:
        return Finding(f"the server at {url} does not answer", "read what its terminal or its log says")
    missing = [f"{part}: {state}" for part, state in parts.items() if state != "ready"]
    if missing:
        return Finding(f"the server at {url} is not ready", "; ".join(missing))
    return Finding(f"the server at {url} is ready")


def _port(settings: Settings) -> Finding:
    try:
        with Door(listen(settings.host, settings.port)) as way_in:
            return Finding(f"{way_in.url} is free for the server")
    except Closed as error:
        what, _, remedy = str(error).partition(": ")
    url = address(settings.host, settings.port)
    if knock(url) is None:
        return Finding(what, remedy)
    if is_embedded(settings):
        return Finding(
            f"another Parley answers at {url}", f"name its folder with DATA_DIR if you mean that one, or {remedy}"
        )
    return _server(url)


def _telegram(settings: Settings) -> Finding:
    if settings.telegram == "fake":
        return Finding("TELEGRAM=fake: `parley up` starts a Telegram of its own")
    if settings.telegram_token.get_secret_value():
        return Finding("TELEGRAM_TOKEN is set")
    return Finding("TELEGRAM_TOKEN is not set: no bot is started")
