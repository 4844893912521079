"""Everything at once on one machine: engines unless they are named, migrations, every program."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from server.config import Misconfigured, Settings
from server.embedded import people, schema
from server.embedded.door import Closed, Door, listen
from server.embedded.engine import Engine
from server.embedded.home import Home, kept, open_home
from server.embedded.lock import Lock, holder
from server.embedded.postgres import Postgres
from server.embedded.process import Process
from server.embedded.profile import DURABLE
from server.embedded.signals import Signals
from server.embedded.supervisor import Supervisor
from server.embedded.valkey import Valkey
from server.herald import farewell

LAST_PORT = 65_535

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ground:
    """What the programs stand on: complete settings, and the engines that are ours to look after."""

    settings: Settings
    engines: tuple[Engine, ...]


def up(settings: Settings, say: Say) -> None:
    """Run until told to stop. What cannot work is refused before anything is started."""
    with Signals() as signals, ExitStack() as stack:
        lock = _claim(settings, stack)
        way_in = stack.enter_context(Door(listen(settings.host, settings.port)))
        telegram = _fake_telegram(settings, stack)
        if telegram is not None:
            settings = settings.model_copy(update={"telegram_api": telegram.url})
        ground = _stand(settings, stack, say) if lock else Ground(settings, ())
        if lock:
            lock.tell(way_in.url)
        asyncio.run(schema.migrate(ground.settings.database))
        say("Starting the server and its workers ...")
        processes = [
            # First, so that it ends last: what is on its way out has somewhere to go.
            *_pretending(ground.settings, telegram),
            # With engines of our own this is one machine alone: no balancer has to see that it ends.
            *servers(ground.settings, way_in.file, settings.processes, *(("--no-balanced",) if lock else ())),
            *_others(ground.settings),
        ]
        supervisor = Supervisor(signals, way_in, processes, ground.engines)
        leave = farewell(settings.drain_seconds)
        page = telegram.url if telegram is not None else None
        supervisor.run(lambda: _announce(ground, way_in.url, page, say), lambda: say(leave), settings.drain_seconds)


def serve(settings: Settings, processes: int, say: Say) -> None:
    """Several server processes on one port, and nothing else; until told to stop."""
    with Signals() as signals, Door(listen(settings.host, settings.port)) as way_in:
        children = servers(settings, way_in.file, processes)
        supervisor = Supervisor(signals, way_in, children, ())
        leave = farewell(settings.drain_seconds)
        supervisor.run(lambda: say(f"Parley serves at {way_in.url}"), lambda: say(leave), settings.drain_seconds)


def is_embedded(settings: Settings) -> bool:
    """Whether at least one engine is to be our own. With both named, this is production."""
    return not (settings.database_url and settings.redis_url)


def own_engines(settings: Settings, home: Home) -> tuple[Postgres | None, Valkey | None]:
    """The engines that no URL names, not started."""
    postgres = None if settings.database_url else Postgres(home, DURABLE)
    valkey = None if settings.redis_url else Valkey(home, DURABLE)
    return postgres, valkey


def servers(settings: Settings, file: int, count: int, *options: str) -> list[Process]:
    """Server processes that accept from one inherited socket."""
    command = ("serve", "--listening", str(file), *options)
    return [Process("server", command, _environment(settings), files=[file]) for _ in range(count)]


def connected(settings: Settings) -> Settings:
    """Settings that name a database: a given one, else that of our own engines. Misconfigured when those do not run."""
    if settings.database_url:
        return settings
    home = open_home(settings.data_dir)
    if holder(home.root) is None:
        raise Misconfigured(f"no Parley runs on {home.root}: start it with `parley up`, or set DATABASE_URL")
    postgres, valkey = own_engines(settings, home)
    return _complete(settings, home, postgres, valkey)


def _announce(ground: Ground, url: str, page: str | None, say: Say) -> None:
    say(f"Parley is ready at {url}")
    if page is not None:
        say(f"Write to the bot, as somebody on Telegram, at {page}")
    # Made only now, so that nothing can fail between the making of the password and its one appearance.
    if ground.engines and (login := asyncio.run(people.first_operator(ground.settings.database))):
        say(f"Sign in as {login.email} with the password {login.password}")


def _claim(settings: Settings, stack: ExitStack) -> Lock | None:
    if not is_embedded(settings) or settings.secret_key.get_secret_value():
        assert settings.secrets  # raises when they are not fit
    if not is_embedded(settings):
        return None  # several installations may share named servers
    home = open_home(settings.data_dir)
    return stack.enter_context(Lock(home.root))


def _stand(settings: Settings, stack: ExitStack, say: Say) -> Ground:
    home = open_home(settings.data_dir)
    postgres, valkey = own_engines(settings, home)
    engines = tuple(engine for engine in (postgres, valkey) if engine)
    if postgres and postgres.is_new:
        say(f"Making a database in {home.root}, this once ...")
    for engine in engines:
        stack.callback(engine.stop)
        engine.start()
    return Ground(_complete(settings, home, postgres, valkey), engines)


def _complete(settings: Settings, home: Home, postgres: Postgres | None, valkey: Valkey | None) -> Settings:
    return Settings(
        data_dir=home.root,
        database_url=postgres.url() if postgres else settings.database_url,
        redis_url=valkey.url if valkey else settings.redis_url,
        secret_key=settings.secret_key.get_secret_value() or kept(home.root / "secret.key"),
        telegram_api=settings.telegram_api,
    )


def _fake_telegram(settings: Settings, stack: ExitStack) -> Door | None:
    """Where our own Telegram listens, beside the server if that port is free."""
    if settings.telegram != "fake":
        return None
    try:
        listening = listen(settings.host, settings.port + 1 if 0 < settings.port < LAST_PORT else 0)
    except Closed:
        listening = listen(settings.host, 0)
    return stack.enter_context(Door(listening))


def _pretending(settings: Settings, telegram: Door | None) -> list[Process]:
    if telegram is None:
        return []
    command = ("fake-telegram", str(telegram.file))
    return [Process("telegram", command, _environment(settings), files=[telegram.file])]


def _others(settings: Settings) -> list[Process]:
    programs = [("worker", "work", "workers.broker"), ("scheduler", "schedule", "workers.schedule")]
    if settings.bot_token:
        programs.append(("bot", "bot", "bots.application"))
    environment = _environment(settings)
    return [Process(name, (command,), environment) for name, command, module in programs if _exists(module)]


def _exists(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _environment(settings: Settings) -> Mapping[str, str]:
    return {
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database,
        "REDIS_URL": settings.redis,
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "TELEGRAM_API": settings.telegram_api,
    }
