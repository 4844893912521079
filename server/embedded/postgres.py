"""A private PostgreSQL below DATA_DIR: reached through a unix socket alone, with a password that only we can read."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

from typing_extensions import override

from server.embedded import orphan, where
from server.embedded.engine import Engine, clean_environment
from server.embedded.home import Home, kept
from server.embedded.profile import Profile
from server.embedded.where import EngineFailed

OLDEST_MAJOR = 15
BUILTIN_LOCALE_MAJOR = 17
READY_LINE = 7  # of postmaster.pid: PostgreSQL itself writes there whether it serves
USER = DATABASE = "parley"


class Postgres(Engine):
    """The folder carries the major version, since no other one can read it."""

    name = "PostgreSQL"
    # Fast shutdown: connections are cut, what was committed stays. Then without a checkpoint: the next start recovers.
    stop_signals = (signal.SIGINT, signal.SIGQUIT)

    def __init__(self, home: Home, profile: Profile) -> None:
        super().__init__(home)
        self._profile = profile
        self._program = where.within_reach(where.postgres(), home)
        if self._program.major < OLDEST_MAJOR:
            raise EngineFailed(
                f"{self._program.path} is PostgreSQL {self._program.version}; Parley needs {OLDEST_MAJOR} or newer"
            )
        self._data = home.engines / f"pg{self._program.major}"
        self._password = home.root / f"pg{self._program.major}.password"

    @property
    def major(self) -> int:
        """The version that its folder is named after."""
        return self._program.major

    @property
    def is_new(self) -> bool:
        """Whether the next start makes the cluster."""
        return not (self._data / "PG_VERSION").exists()

    def url(self, database: str = DATABASE) -> str:
        """Where to connect, password included, in the plain `postgresql://` form."""
        password = kept(self._password)
        return f"postgresql://{USER}:{password}@/{database}?host={quote(str(self.home.sockets))}"

    @override
    def command(self) -> list[str]:
        settings = (
            "listen_addresses=",
            "port=5432",
            f"unix_socket_directories={self.home.sockets}",
            *self._profile.postgres,
        )
        options = [word for setting in settings for word in ("-c", setting)]
        return [str(self._program.path), "-D", str(self._data), *options]

    @override
    def prepare(self) -> None:
        """End what an earlier launcher left behind, and make the cluster if there is none."""
        orphan.end(self._data / "postmaster.pid", str(self._data), self.stop_signals)
        if not self.is_new:
            if not self._password.exists():
                raise EngineFailed(
                    f"the password of {self._data} is missing: put {self._password} back, or remove both"
                )
            return
        self._refuse_to_forget()
        self._make()

    @override
    def answers(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > READY_LINE and lines[0] == str(self.pid) and lines[READY_LINE].strip() == "ready"

    @override
    def may_retry(self) -> bool:
        return "pre-existing shared memory block" in self._tail()

    def _refuse_to_forget(self) -> None:
        # An upgrade that quietly begins with an empty database would look like lost data.
        others = sorted(path.name for path in self.home.engines.glob("pg[0-9]*") if (path / "PG_VERSION").exists())
        if others:
            raise EngineFailed(
                f"{self.home.engines} holds {', '.join(others)}, but this is PostgreSQL {self._program.version}: "
                "dump the data with the older version and load it, or choose another DATA_DIR"
            )

    def _make(self) -> None:
        """Build the cluster under another name and move it into place when it is whole: half of one is never used."""
        unfinished = self._data.with_name(f"{self._data.name}.new")
        for leftover in (self._data, unfinished):
            if leftover.exists():
                shutil.rmtree(leftover)
        self.home.folder(unfinished)
        self._password.unlink(missing_ok=True)
        password_copy = self.home.folder(self._data.with_name(f"{self._data.name}.handover")) / "password"
        password_copy.write_text(kept(self._password))
        self.home.give(password_copy)
        try:
            self._run(
                ["initdb", "-D", str(unfinished), f"--username={USER}", f"--pwfile={password_copy}", *self._initdb()]
            )
        finally:
            shutil.rmtree(password_copy.parent)
        quick = ("-c", "fsync=off") if self._profile.initdb else ()
        self._run(["postgres", "--single", "-D", str(unfinished), *quick, "postgres"], f"CREATE DATABASE {DATABASE}")
        unfinished.rename(self._data)

    def _initdb(self) -> list[str]:
        # The builtin provider sorts and lowers alike on every machine, whatever locales are installed there.
        builtin = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        locale = builtin if self._program.major >= BUILTIN_LOCALE_MAJOR else ["--locale=C.UTF-8"]
        return ["--auth=scram-sha-256", "--encoding=UTF8", *locale, *self._profile.initdb]

    def _run(self, command: list[str], text: str = "") -> None:
        user = self.home.account
        said = subprocess.run(
            [str(Path(self._program.path).with_name(command[0])), *command[1:]],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.home.engines,
            env=clean_environment(),
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )
        if said.returncode != 0 or "ERROR:" in said.stderr:
            raise EngineFailed(f"{command[0]} failed: {said.stderr.strip() or said.stdout.strip()}")
