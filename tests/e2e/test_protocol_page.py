"""The programs of docs/protocol.md, as they stand there, against a real server."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.fleet.server import ROOT, Server, servers
from tests.sdk.driver import HERE, NEEDS_NODE

PAGE = (ROOT / "docs" / "protocol.md").read_text()
PATIENCE_SECONDS = 20.0


@pytest.fixture(scope="module")
async def server(database_url: str, redis_url: str) -> AsyncIterator[Server]:
    async with servers(database_url, redis_url, 1) as (one,):
        yield one


def pasted(language: str, server: Server, folder: Path) -> Path:
    """The program of the page in this language, in a file of its own."""
    (program,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    file = folder / {"python": "chat.py", "js": "chat.mjs"}[language]
    file.write_text(program.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{server.port}"))
    return file


@asynccontextmanager
async def running(*command: str | Path) -> AsyncIterator[list[str]]:
    """What a program says, line by line, while it runs."""
    heard: list[str] = []
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )

    async def listen() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            heard.append(line.decode().rstrip())

    listening = asyncio.create_task(listen())
    try:
        yield heard
    finally:
        process.kill()
        await process.wait()
        await listening


async def hears(heard: list[str], *wanted: str) -> None:
    """Return when there is a line that ends with each of these."""

    def everything() -> bool:
        assert [words for words in wanted if not any(line.endswith(words) for line in heard)] == [], heard
        return True

    assert await eventually(everything, within=PATIENCE_SECONDS)


async def test_the_python_program(server: Server, tmp_path: Path) -> None:
    program = pasted("python", server, tmp_path)
    async with running(sys.executable, "-u", program) as first:
        await hears(first, "+ Bob", "Here, have some.", "refused: 107 empty_text")
        async with running(sys.executable, "-u", program) as second:
            await hears(second, *[line for line in first if line.startswith("#")])
        await hears(first, "- Bob")


@NEEDS_NODE
async def test_the_javascript_program(server: Server, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    node = shutil.which("node")
    assert node is not None
    async with running(node, pasted("js", server, tmp_path)) as first:
        await hears(first, "+ Ada", "Is there any #tea left?", "refused: 107 empty_text")
