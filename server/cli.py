"""The command `parley`: reads the settings, hands each command what it needs, and says plainly why it cannot."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import socket
import sys
from typing import Annotated

import typer
from pydantic import ValidationError

from server import logging, voice
from server.auth.constants import Role
from server.config import Misconfigured, Settings
from server.deadletters import DeadLetters
from server.embedded import people, schema, up
from server.embedded.doctor import examine
from server.embedded.door import Closed, listen
from server.embedded.lock import Taken
from server.embedded.supervisor import NotStarting
from server.embedded.where import EngineFailed
from server.errors import Problem
from server.valkey import FAILURES

REFUSED = (Misconfigured, Taken, Closed)  # a person has to change something: exit code 2
FAILED = (EngineFailed, NotStarting, Problem)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
users = typer.Typer(no_args_is_help=True, help="People who may sign in.")
tokens = typer.Typer(no_args_is_help=True, help="Keys for machines.")
app.add_typer(users, name="user")
app.add_typer(tokens, name="token")


@app.command("up")
def run_all() -> None:
    """Start everything here: engines if none are named, migrations, server, workers, scheduler and bot."""
    settings = read_settings()
    up.up(settings, say)


@app.command()
def serve(
    processes: Annotated[int, typer.Option(min=0, help="Server processes on one port; 0: as PROCESSES says.")] = 0,
    listening: Annotated[int, typer.Option(hidden=True)] = -1,
    balanced: Annotated[bool, typer.Option(hidden=True)] = True,
) -> None:
    """Answer REST and sockets at HOST and PORT."""
    settings = complete_settings()
    count = processes or settings.processes
    if listening >= 0:
        answer(settings, socket.socket(fileno=listening), unsaid, is_balanced=balanced)
    elif count > 1:
        up.serve(settings, count, say)
    else:
        answer(settings, listen(settings.host, settings.port), say)


@app.command()
def work() -> None:
    """Carry out tasks."""
    start("workers.broker")


@app.command()
def schedule() -> None:
    """Sweep for what is due. One is enough; any number may run."""
    start("workers.schedule")


@app.command()
def bot() -> None:
    """Listen to Telegram."""
    if not read_settings().bot_token:
        raise Misconfigured("TELEGRAM_TOKEN is not set: ask @BotFather for one")
    if importlib.util.find_spec("bots.application") is None:
        raise Misconfigured("the Telegram bot is not part of this version yet; everything else works without it")
    start("bots.application")


@app.command("fake-telegram", hidden=True)
def fake_telegram(listening: int) -> None:
    """Be Telegram, for `up` with TELEGRAM=fake."""
    read_settings()
    importlib.import_module("bots.fake.application").serve(socket.socket(fileno=listening))


@app.command()
def migrate() -> None:
    """Bring the database to the newest migration; safe to run from several machines at once."""
    settings = up.connected(read_settings())
    asyncio.run(schema.migrate(settings.database))
    say("The database is at the newest migration.")


@users.command("create")
def create_user(
    email: str,
    role: Annotated[Role, typer.Option(help="What this person may do.")] = Role.USER,
    name: Annotated[str, typer.Option(help="How others see this person; else the e-mail's first part.")] = "",
) -> None:
    """Let somebody in. The password is asked for, or read from a pipe; an empty one is made up and shown."""
    settings = up.connected(read_settings())
    given = asked_password()
    login = people.Login(email, given or people.made_up_password())
    asyncio.run(people.admit(settings.database, login, name or None, role))
    say(f"{email} may sign in as {role}." + ("" if given else f" The password: {login.password}"))


@tokens.command("create")
def create_token(
    email: Annotated[str, typer.Argument(help="Whose rights the token has.")],
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    days: Annotated[int, typer.Option(min=0, help="How long it is good; 0: until it is revoked.")] = 0,
) -> None:
    """Make a personal access token. It is printed alone, this once."""
    settings = up.connected(read_settings())
    say(asyncio.run(people.give_token(settings.database, email, name, days or None)))


@app.command()
def tasks(
    retry: Annotated[bool, typer.Option("--retry", help="Put all of them back into the queue.")] = False,
) -> None:
    """Show the tasks that failed five times and were set aside, or have them tried again."""
    letters = DeadLetters(up.connected(read_settings()).redis)
    try:
        if retry:
            say(f"Put back into the queue: {asyncio.run(letters.put_back())}.")
            return
        found, count = asyncio.run(letters.newest()), asyncio.run(letters.count())
    except FAILURES as error:
        raise EngineFailed(f"Redis does not answer ({error}): start it, or correct REDIS_URL") from error
    for letter in found:
        say(str(letter))
    say(f"Set aside: {count}." + (" `parley tasks --retry` puts them back." if count else ""))


@app.command()
def doctor() -> None:
    """Say what is configured, reachable and migrated, what is not, and what to do about it."""
    findings = asyncio.run(examine(read_settings()))
    for finding in findings:
        say(str(finding))
    if any(finding.is_wrong for finding in findings):
        raise typer.Exit(1)


def answer(settings: Settings, listening: socket.socket, say: up.Say, *, is_balanced: bool = True) -> None:
    """Serve on this socket until told to stop. By name: `up` is this program too, and needs no web framework."""
    importlib.import_module("server.serving").answer(settings, listening, say, is_balanced=is_balanced)


def start(module: str) -> None:
    """Run the program in this process. By name: the server knows none of its workers."""
    complete_settings()
    importlib.import_module(module).main()


def read_settings() -> Settings:
    """What the environment and `.env` say, with logging set up accordingly."""
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = "; ".join(f"{fault.field.upper()}: {fault.message}" for fault in voice.faults(error.errors()))
        raise Misconfigured(f"a setting cannot be used: {wrong}") from error
    logging.configure(settings.log_level, settings.log_format)
    return settings


def complete_settings() -> Settings:
    """The same, when the command needs servers and a secret: Misconfigured names the first that is missing."""
    settings = read_settings()
    for needed in (settings.secrets, settings.database, settings.redis):
        assert needed
    return settings


def asked_password() -> str:
    """What the person types unseen, or the first line of a pipe."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return str(typer.prompt("Password (empty: make one up)", default="", hide_input=True, show_default=False))


def say(words: str) -> None:
    """To the person at the terminal, at once even through a pipe."""
    print(words, flush=True)


def unsaid(_: str) -> None:
    """What a child has to say is said by the parent, once for all of them."""


def main() -> None:
    """The entry point: every known refusal is one clear line."""
    try:
        app()
    except REFUSED as error:
        print(f"parley: {error}", file=sys.stderr)
        sys.exit(2)
    except FAILED as error:
        print(f"parley: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
