"""`make bench`, or `make bench only=posts`: each prints a table and one line of JSON; all together keep a record."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from tests.bench import history, posts
from tests.bench.ground import Result

BENCHES: dict[str, Callable[[], Awaitable[Result]]] = {"posts": posts.measure, "history": history.measure}
RECORDS = Path(__file__).resolve().parents[2] / "docs" / "measurements"


async def run(names: list[str]) -> dict[str, str]:
    """Measure these, print each, and return what was printed."""
    said = {}
    for name in names:
        result = await BENCHES[name]()
        figures = {key: round(value, 2) for key, value in result.figures.items()}
        line = json.dumps({"bench": name, "what": result.what, "ratio": round(result.ratio, 2), "figures": figures})
        print(f"{result.table}\n\n{line}\n", flush=True)
        said[name] = f"{result.table}\n\n```json\n{line}\n```\n"
    return said


def keep(said: dict[str, str]) -> Path:
    """A dated record of a whole run."""
    now = datetime.now(UTC)
    machine = (
        f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}, Python {sys.version.split()[0]}"
    )
    parts = [f"# Measured {now:%Y-%m-%d %H:%M} UTC\n\n{machine}\n"]
    parts += [f"## {name}\n\n{text}" for name, text in said.items()]
    path = RECORDS / f"{now:%Y-%m-%d-%H%M}.md"
    path.write_text("\n".join(parts))
    return path


def main() -> None:
    """What the command line asks for."""
    wanted = [argument.removeprefix("only=") for argument in sys.argv[1:] if argument != "only="]
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        sys.exit(f"there is no bench {unknown[0]}; there are: {', '.join(BENCHES)}")
    said = uvloop.run(run(wanted or list(BENCHES)))
    if not wanted:
        print(f"kept in {keep(said)}")


if __name__ == "__main__":
    main()
