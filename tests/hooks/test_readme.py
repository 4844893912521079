"""The README's receiver, as it stands there: it prints each message, is stopped and started again, and misses none."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.auth.constants import Role
from server.embedded.people import Login, admit
from tests.eventually import eventually
from tests.fleet.server import ROOT, free_port
from tests.hooks.installation import Installation

PATIENCE_SECONDS = 60.0
LOGIN = Login("you@example.com", "correct horse")
SECTION = (ROOT / "README.md").read_text().partition("\n## Events out\n")[2].partition("\n## ")[0]
BEGIN, AGAIN = re.findall(r"^```sh\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Newcomer:
    """Somebody at a terminal, who pastes; only the port and the folder are others than in the README."""

    shell: subprocess.Popen[str]
    screen: Path
    port: int

    def paste(self, block: str) -> None:
        """Into the shell; it carries out line by line."""
        assert self.shell.stdin is not None
        self.shell.stdin.write(block.replace("9000", str(self.port)).replace("/tmp/", f"{self.screen.parent}/"))
        self.shell.stdin.flush()

    def printed(self) -> list[Any]:
        """The events on the screen."""
        lines = self.screen.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith('{"type"')]

    def stop_receiver(self) -> None:
        """The shell goes on."""
        found = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
        pairs = [line.split() for line in found.stdout.splitlines()]
        (receiver,) = [int(pid) for pid, parent in pairs if int(parent) == self.shell.pid]
        os.kill(receiver, signal.SIGTERM)


@contextmanager
def newcomer(home: Installation, folder: Path) -> Iterator[Newcomer]:
    screen = folder / "screen"
    known = {"PORT": str(home.server.port), "EMAIL": LOGIN.email, "PASSWORD": LOGIN.password}
    with screen.open("w") as output:
        shell = subprocess.Popen(
            ["bash"],
            env={**os.environ, **known},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            text=True,
            start_new_session=True,
        )
    try:
        yield Newcomer(shell, screen, free_port())
    finally:
        os.killpg(shell.pid, signal.SIGKILL)  # it leads a group of its own, with its receiver in it
        shell.communicate()


async def test_the_receiver_of_the_readme_misses_nothing(home: Installation, tmp_path: Path) -> None:
    await admit(home.server.environment["DATABASE_URL"], LOGIN, "You", Role.ADMIN)
    with newcomer(home, tmp_path) as you:
        you.paste(BEGIN)
        (endpoint,) = await eventually(lambda: home.ask("GET", "/hooks"), within=PATIENCE_SECONDS)
        sent = [(await home.says(f"while it runs {number}"))["id"] for number in range(3)]
        await eventually(lambda: len(you.printed()) == 3, within=PATIENCE_SECONDS)
        you.stop_receiver()
        sent += [(await home.says(f"while it is stopped {number}"))["id"] for number in range(3)]

        async def has_failed() -> bool:
            return any(one["outcome"] == "failed" for one in await home.log(endpoint))

        await eventually(has_failed, within=PATIENCE_SECONDS)
        you.paste(AGAIN)
        await eventually(lambda: len(you.printed()) == 6, within=PATIENCE_SECONDS)
        sent.append((await home.says("and again"))["id"])
        await eventually(lambda: len(you.printed()) == 7, within=PATIENCE_SECONDS)
        assert [event["data"]["id"] for event in you.printed()] == sent

        async def taken() -> list[Any]:
            return [one for one in reversed(await home.log(endpoint)) if one["outcome"] == "delivered"]

        await eventually(lambda: _has(taken, 7), within=PATIENCE_SECONDS)
        log = list(reversed(await home.log(endpoint)))
        assert [one["event_id"] for one in await taken()] == sent, "each once, in their order"
        assert {one["status"] for one in await taken()} == {204}
        failed = [one for one in log if one["outcome"] != "delivered"]
        assert {one["outcome"] for one in failed} == {"failed"}
        assert {one["event_id"] for one in failed} <= {sent[0], sent[3]}, (
            "the first before its start, or while it is stopped"
        )


async def _has(ask: Any, count: int) -> bool:
    return len(await ask()) == count
