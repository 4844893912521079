"""As whom the engines run. PostgreSQL refuses to be root; a launcher that is root hands its engines to `nobody`."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine; initdb needs one that the user database knows, so a bare number would not do."""

    uid: int
    gid: int

    def may_enter(self, path: Path) -> bool:
        """Whether this user can walk down to `path` and use it; looks at permission bits, not at access lists."""
        path = path.resolve()
        return all(self._may_execute(step.stat()) for step in (path, *path.parents))

    def take(self, path: Path) -> None:
        """Give the file or folder to this user."""
        os.chown(path, self.uid, self.gid)

    def _may_execute(self, status: os.stat_result) -> bool:
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def for_engines() -> Account | None:
    """`nobody` when we are root, else None: then the engines run as ourselves. KeyError when there is no `nobody`."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)
