"""The ceilings of the house: what is larger than this is two things."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    ROOT / "dev.py",
    *(path for house in ("server", "workers", "bots", "tests") for path in ROOT.joinpath(house).rglob("*.py")),
]
FILE_LINES = 400
FUNCTION_LINES = 40
PARAMETERS = 5
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "common", "misc", "base", "manager"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def parameters(function: Function) -> int:
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return len([name for name in names if name not in ("self", "cls")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_fits_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= FILE_LINES
    assert path.stem not in NAMES_THAT_SAY_NOTHING
    if path.name == "__init__.py":
        assert path.read_text() == "", "an __init__.py is empty"
    long = {f"{f.name}, line {f.lineno}": f.end_lineno - f.lineno + 1 for f in functions(path) if f.end_lineno}
    assert {name: lines for name, lines in long.items() if lines > FUNCTION_LINES} == {}


@pytest.mark.parametrize(
    "path", [path for path in FILES if "tests" not in path.parts], ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_function_takes_few_things_by_position(path: Path) -> None:
    assert {f"{f.name}, line {f.lineno}": parameters(f) for f in functions(path) if parameters(f) > PARAMETERS} == {}
