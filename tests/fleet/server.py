"""Real processes for tests: started as `parley` starts them, killed, and started again on the same port."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from typing_extensions import override

from tests.eventually import eventually
from tests.fleet.http import Answer, Http

ROOT = Path(__file__).resolve().parents[2]
SECRET = "5ec4e7" * 8
START_SECONDS = 40.0  # an interpreter that imports everything, on a machine where all tests run at once


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Program:
    """One process of an installation, as `parley <command>` starts it."""

    def __init__(self, command: str, folder: Path, environment: dict[str, str], *, module: str = "server.cli") -> None:
        self.folder = folder
        self.environment = environment
        self._command = command
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / f"{command}-{id(self)}.log"

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    def launch(self) -> None:
        """Start it and return at once."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module, self._command],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def check(self) -> None:
        """AssertionError with the end of its log when it does not run."""
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()[-3000:]

    def errors(self) -> list[str]:
        """What it complained of in its log, the last few."""
        return [line for line in self.log.read_text().splitlines() if '"level": "error"' in line][-3:]

    def kill(self) -> None:
        """kill -9: it says no word to anybody."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP: its connections stay, and nobody answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on as if nothing had been."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def wait(self) -> int:
        """The exit code, as soon as it has ended by itself."""
        assert self._process is not None
        return self._process.wait(START_SECONDS)

    async def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        self._process.terminate()
        return await asyncio.to_thread(self._process.wait, START_SECONDS)

    def end(self) -> None:
        """Whatever state it is in: gone."""
        if self._process is not None and self._process.poll() is None:
            self.kill()


class Server(Program):
    """A server process; `http` talks to it, one call at a time. It keeps its port when it starts again."""

    def __init__(self, database_url: str, redis_url: str, folder: Path, **settings: str) -> None:
        self.port = free_port()
        addresses = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "PORT": str(self.port)}
        always = {"SECRET_KEY": SECRET, "LOGIN_ATTEMPTS_PER_MINUTE": "6000", "PYTHONPATH": str(ROOT)}
        super().__init__("serve", folder, {**os.environ, **addresses, **always, **settings})
        self.http = Http("127.0.0.1", self.port)

    @property
    def socket_url(self) -> str:
        """Where SDKs connect."""
        return f"ws://127.0.0.1:{self.port}/connection/websocket"

    async def ready(self) -> None:
        """Return when it serves and hears the bus; AssertionError with its log when it does not come up."""

        async def answers() -> bool:
            self.check()
            try:
                return (await self.http.call("GET", "/health/ready")).status == 200
            except OSError:
                return False

        assert await eventually(answers, within=START_SECONDS)

    @override
    def end(self) -> None:
        self.http.close()
        super().end()


@contextmanager
def helper(server: Server, command: str) -> Iterator[Program]:
    """Another process of the server's installation: `work` or `schedule`."""
    program = Program(command, server.folder, server.environment)
    program.launch()
    try:
        yield program
    finally:
        program.end()


@asynccontextmanager
async def servers(database_url: str, redis_url: str, count: int, **settings: str) -> AsyncIterator[list[Server]]:
    """So many server processes of one installation, all of them ready."""
    with TemporaryDirectory(prefix="parley-fleet-") as folder:
        async with running([Server(database_url, redis_url, Path(folder), **settings) for _ in range(count)]) as ready:
            yield ready


@asynccontextmanager
async def running(fleet: list[Server]) -> AsyncIterator[list[Server]]:
    """These servers, all of them ready; gone at the end."""
    try:
        for server in fleet:
            server.launch()
        for server in fleet:
            await server.ready()
        yield fleet
    finally:
        for server in fleet:
            server.end()


async def person(server: Server, name: str = "Guest") -> tuple[str, str]:
    """Somebody new: their access token and their id."""
    answer: Answer = await server.http.call("POST", "/auth/guest", {"name": name})
    assert answer.status == 201, answer
    return answer.body["access_token"], answer.body["user"]["id"]
