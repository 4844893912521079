"""Work in a process of its own, asked over a pipe: a load that shares our interpreter would measure itself."""

from __future__ import annotations

import asyncio
import importlib
import os
import pickle
import resource
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
POLITE = 10  # niceness of a load that must not push aside what it measures
SECONDS = 90.0
LENGTH = struct.Struct("!i")


class Aside:
    """One such process. Its module has a function `work` that answers questions from the pipe until it ends."""

    def __init__(self, module: str, nice: int = 0) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.aside", module, str(theirs.fileno()), str(nice)],
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
            )
        self.pid = self._process.pid
        self._ours = ours
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, question: object) -> Any:
        """Its answer; AssertionError when it died or takes too long."""
        try:
            async with asyncio.timeout(SECONDS):
                return await self._exchange(pickle.dumps(question))
        except (EOFError, OSError, TimeoutError) as error:
            said = f"no answer from {self._process.args!r} to {type(question).__name__}"
            raise AssertionError(said) from error

    async def _exchange(self, question: bytes) -> Any:
        """As `multiprocessing.connection.Connection` frames it, which is what stands at the other end."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(sock=self._ours)
        reader, writer = self._streams
        writer.write(LENGTH.pack(len(question)) + question)
        (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
        return pickle.loads(await reader.readexactly(length))

    def end(self) -> None:
        """Whatever it does: gone."""
        if self._streams is not None:
            self._streams[1].close()
        self._ours.close()
        self._process.kill()
        self._process.wait()


@contextmanager
def aside(module: str, *, nice: int = 0) -> Iterator[Aside]:
    """Such a process, for as long as it is needed."""
    process = Aside(f"tests.bench.{module}", nice)
    try:
        yield process
    finally:
        process.end()


def open_files() -> None:
    """As many as this machine allows us and all we start."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> None:
    """What `Aside` starts."""
    module, pipe, nice = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    open_files()
    os.nice(nice)
    try:
        importlib.import_module(module).work(Connection(pipe))
    except (EOFError, BrokenPipeError):
        return  # whoever asked is gone


if __name__ == "__main__":
    main()
