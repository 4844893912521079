"""The public codes: what the rooms raise is what the document explains, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from server import errors
from server.codes import CODES
from server.web import REFUSALS

SERVER = Path(__file__).resolve().parents[2] / "server"
KINDS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.Problem)}
# These speak over the socket alone, where docs/protocol.md explains them.
SOCKET = {SERVER / "chat" / "channels.py", SERVER / "chat" / "calls.py", *SERVER.glob("realtime/*.py")}


def raised() -> Iterator[str]:
    """The first word given to any of the seven kinds, wherever a door of REST can be reached from."""
    for path in set(SERVER.rglob("*.py")) - SOCKET:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(code)), *_]) if name in KINDS:
                    yield code


def test_every_code_that_is_raised_is_explained_and_no_other() -> None:
    assert {*raised(), *(code for code, _ in REFUSALS.values()), "refused"} == set(CODES)


def test_an_explanation_says_more_than_the_code() -> None:
    assert [code for code, words in CODES.items() if len(words) < 20] == []
