#!/usr/bin/env python3
"""Every habit of this project in one command; needs nothing but Python and makes the rest: `python3 dev.py help`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed-locks"
RUN_LOCK, DEV_LOCK, UV_LOCK = "requirements.lock", "requirements-dev.lock", "requirements-uv.lock"
NODE_TESTS = ROOT / "tests" / "sdk"
SUITES = VENV / "suites"
OLDEST, NEWEST = (3, 11), (3, 14)

NO_PYTHON = """Parley needs Python 3.11 or newer, and there is none on this machine's PATH. Install one:
  Debian, Ubuntu   sudo apt install python3.11 python3.11-venv   (or any newer one)
  Fedora           sudo dnf install python3.12
  macOS            brew install python@3.12"""
NO_VENV = """This Python cannot make an environment (its own words are above). On Debian and Ubuntu the part is missing:
  sudo apt install python3-venv"""

CHECKS: dict[str, list[str | Path]] = {
    "format": [PYTHON, "-m", "ruff", "format", "--check", "."],
    "lint": [PYTHON, "-m", "ruff", "check", "."],
    "types": [PYTHON, "-m", "mypy"],
    "floors": [VENV / "bin" / "lint-imports"],
    "unit": [PYTHON, "-m", "pytest", "-m", "unit"],
}


def run() -> NoReturn:
    """start everything here: private engines, server, workers; Ctrl-C stops all"""
    prepare(RUN_LOCK)
    become("-m", "server.cli", "up")


def test() -> NoReturn:
    """the whole suite on real engines, in parallel; arguments go to pytest"""
    prepare(DEV_LOCK)
    prepare_node()
    prepare_suite()
    workers = max(2, os.cpu_count() or 2)
    become("-m", "pytest", "-n", str(workers), "-m", "not long", *sys.argv[2:])


def check() -> None:
    """format, lint, types, floors and unit tests, side by side"""
    prepare(DEV_LOCK)
    began = time.monotonic()
    running = {
        name: subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for name, command in CHECKS.items()
    }
    failed = [name for name, process in running.items() if not passed(name, process)]
    print(f"{'FAILED: ' + ', '.join(failed) if failed else 'all good'}, {time.monotonic() - began:.1f} s")
    sys.exit(1 if failed else 0)


def unit() -> NoReturn:
    """the tests that need neither sockets nor engines"""
    prepare(DEV_LOCK)
    become("-m", "pytest", "-m", "unit", *sys.argv[2:])


def e2e() -> NoReturn:
    """the tests that drive whole servers from outside"""
    prepare(DEV_LOCK)
    prepare_node()
    become("-m", "pytest", "tests/e2e", *sys.argv[2:])


def sdk() -> NoReturn:
    """the whole test suite of centrifuge-python, against a server of ours on port 8000"""
    prepare(DEV_LOCK)
    prepare_suite()
    become("-m", "tests.compat")


def chaos() -> NoReturn:
    """the long run of the tests that kill processes"""
    prepare(DEV_LOCK)
    become("-m", "pytest", "-m", "chaos", "--timeout", "1200", "tests/chaos", *sys.argv[2:])


def bench() -> NoReturn:
    """measure all and keep it in docs/measurements; `only=posts` for one, which with `keep` is kept, too"""
    prepare(DEV_LOCK)
    become("-m", "tests.bench", *sys.argv[2:])


def tidy() -> None:
    """put the code into form, and mend what the linter can mend"""
    prepare(DEV_LOCK)
    for command in (["check", "--fix-only", "."], ["format", "."]):
        subprocess.run([PYTHON, "-m", "ruff", *command], cwd=ROOT, check=False)


def lock() -> None:
    """choose newest versions anew and pin them by hash"""
    prepare(DEV_LOCK)
    for name, extras in ((RUN_LOCK, ["embedded", "meaning"]), (DEV_LOCK, ["embedded", "meaning", "llm", "dev"])):
        chosen = [word for extra in extras for word in ("--extra", extra)]
        form = [
            "--universal",
            "--python-version",
            "3.11",
            "--generate-hashes",
            "--no-header",
            "--no-annotate",
            "--upgrade",
        ]
        quiet = ["--quiet", "--no-emit-index-url", "--no-emit-find-links", "--output-file", name]
        uv("compile", "pyproject.toml", *chosen, *form, *quiet)


def vendor() -> NoReturn:
    """fetch the console's vendored parts anew, at the versions that its manifest names"""
    prepare(DEV_LOCK)
    become("-m", "tests.browser.renew")


def pictures() -> NoReturn:
    """take the pictures of the README anew, with the system's Chromium"""
    prepare(DEV_LOCK)
    become("-m", "tests.browser.pictures")


def show_help() -> None:
    """this list"""
    print("python3 dev.py <habit>, or make <habit>:")
    for name, habit in HABITS.items():
        print(f"  {name:8} {habit.__doc__}")


HABITS: dict[str, Callable[[], None]] = {
    "run": run,
    "test": test,
    "check": check,
    "unit": unit,
    "e2e": e2e,
    "sdk": sdk,
    "chaos": chaos,
    "bench": bench,
    "tidy": tidy,
    "lock": lock,
    "vendor": vendor,
    "pictures": pictures,
    "help": show_help,
}


def become(*arguments: str) -> NoReturn:
    """Go on as another program in this same process, so that Ctrl-C and signals reach it directly."""
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(PYTHON, [str(PYTHON), *arguments])


def passed(name: str, process: subprocess.Popen[str]) -> bool:
    """Wait for one check; show what it said only when it failed."""
    said, _ = process.communicate()
    good = process.returncode == 0
    print(f"{name:8}{'ok' if good else 'FAILED'}", flush=True)
    if not good:
        print(said)
    return good


def prepare(lock_name: str) -> None:
    """Leave an environment that holds exactly what the lock names; nothing is done when it is there already."""
    with open(__file__, encoding="utf-8") as turnstile:
        fcntl.flock(turnstile, fcntl.LOCK_EX)  # two of us at once would write over each other
        if not works(PYTHON):
            make_environment()
        installed = STAMP.read_text().split() if STAMP.exists() else []
        wanted = fingerprint(lock_name)
        if wanted in installed:
            return
        print(f"Installing the packages of {lock_name} (a minute or two, whenever it changes) ...", flush=True)
        install(lock_name)
        # The development lock holds all of the other one, so that `run` need not touch what `test` has made.
        both = [fingerprint(DEV_LOCK), fingerprint(RUN_LOCK)]
        STAMP.write_text("\n".join(both if lock_name == DEV_LOCK else [wanted]) + "\n")


def fingerprint(lock_name: str) -> str:
    """The lock's name and content in one word."""
    return f"{lock_name}:{hashlib.sha256((ROOT / lock_name).read_bytes()).hexdigest()}"


def works(python: Path) -> bool:
    """Whether this interpreter starts and is new enough; a leftover of an uninstalled one exists and does not start."""
    question = f"import sys; sys.exit(not sys.version_info >= {OLDEST})"
    try:
        return subprocess.run([python, "-c", question], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def make_environment() -> None:
    """A fresh .venv from the best Python around."""
    if VENV.is_symlink():
        sys.exit(f"{VENV} is a link to an environment that does not work: mend or remove it")
    if VENV.exists():
        shutil.rmtree(VENV)
    python = find_python()
    print(f"Making an environment in {VENV.name} ...", flush=True)
    if python:
        made = subprocess.run([python, "-m", "venv", VENV], check=False)
    elif tool := shutil.which("uv"):
        made = subprocess.run([tool, "venv", "--seed", "--python", ">=3.11", VENV], check=False)
    else:
        sys.exit(NO_PYTHON)
    if made.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit(NO_VENV)


def find_python() -> str | None:
    """This one if it will do, else the newest on the PATH that starts."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sys.executable
    names = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    found = [path for path in map(shutil.which, names) if path and works(Path(path))]
    return found[0] if found else (sys.executable if sys.version_info[:2] >= OLDEST else None)


def install(lock_name: str) -> None:
    """Exactly the locked packages, checked by hash, then this project itself without asking anybody for anything."""
    pip = [str(PYTHON), "-m", "pip"]
    quick = subprocess.run([*pip, "install", "--quiet", "--require-hashes", "-r", UV_LOCK], cwd=ROOT, check=False)
    if quick.returncode != 0 or not uv("install", "--quiet", "--require-hashes", "-r", lock_name):
        # Slower by twenty seconds, and needs nothing but what every Python brings.
        slow = subprocess.run([*pip, "install", "--quiet", "--require-hashes", "-r", lock_name], cwd=ROOT, check=False)
        if slow.returncode != 0:
            sys.exit(
                "The packages could not be installed; the reason stands above. Is there a network, or a proxy to set?"
            )
    ourselves = ["install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--editable", "."]
    if subprocess.run([*pip, *ourselves], cwd=ROOT, check=False).returncode != 0:
        sys.exit("The project itself could not be installed; the reason stands above.")


def uv(command: str, *arguments: str) -> bool:
    """`uv pip <command>` on our environment, from where pip is set to fetch: uv does not read pip's settings."""
    environment = dict(os.environ, VIRTUAL_ENV=str(VENV))
    for ours, key in (("UV_DEFAULT_INDEX", "index-url"), ("SSL_CERT_FILE", "cert"), ("UV_FIND_LINKS", "find-links")):
        value = pip_setting(key)
        if value and ours not in environment:
            environment[ours] = value
    tool = VENV / "bin" / "uv"
    return subprocess.run([tool, "pip", command, *arguments], cwd=ROOT, env=environment, check=False).returncode == 0


def pip_setting(key: str) -> str:
    """What pip would use, from its files or its variables."""
    for place in (f":env:.{key}", f"install.{key}", f"global.{key}"):
        said = subprocess.run(
            [PYTHON, "-m", "pip", "config", "get", place], capture_output=True, text=True, check=False
        )
        if said.returncode == 0:
            return said.stdout.strip()
    return ""


def prepare_node() -> None:
    """The JavaScript clients that tests drive; without Node.js those tests say that they are skipped."""
    pinned, installed = NODE_TESTS / "package-lock.json", NODE_TESTS / "node_modules" / ".package-lock.json"
    npm = shutil.which("npm")
    if npm is None or not pinned.exists():
        return
    if not installed.exists() or installed.stat().st_mtime < pinned.stat().st_mtime:
        print("Installing the JavaScript clients of tests/sdk ...", flush=True)
        subprocess.run([npm, "ci", "--silent", "--no-audit", "--no-fund"], cwd=NODE_TESTS, check=False)


def prepare_suite() -> None:
    """The tests that the Python SDK brings along in its sources; without them the test that runs them is skipped."""
    pin, archive = suite()
    if archive.exists():
        return
    print(f"Fetching {archive.name} ...", flush=True)
    SUITES.mkdir(exist_ok=True)
    pinned = SUITES / "pinned.txt"
    pinned.write_text(pin)
    exactly = ["--no-deps", "--no-binary", "centrifuge-python", "--require-hashes", "-r", str(pinned)]
    download = ["-m", "pip", "download", "--quiet", "--dest", str(SUITES), *exactly]
    subprocess.run([str(PYTHON), *download], cwd=ROOT, check=False)


def suite() -> tuple[str, Path]:
    """The SDK as the lock pins it, and where its sources are kept."""
    found = re.search(r"^centrifuge-python==(\S+)(?:.*\\\n)+.*\n", (ROOT / DEV_LOCK).read_text(), re.MULTILINE)
    assert found is not None
    return found[0], SUITES / f"centrifuge_python-{found[1]}.tar.gz"


def main() -> None:
    """Read the one word that says which habit."""
    name = sys.argv[1] if len(sys.argv) > 1 else "help"
    if name not in HABITS:
        print(f"There is no habit called {name}.", file=sys.stderr)
        show_help()
        sys.exit(2)
    HABITS[name]()


if __name__ == "__main__":
    main()
