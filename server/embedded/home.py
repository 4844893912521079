"""The folders of a private installation: what lies under DATA_DIR, and what engines can only use elsewhere."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from server.embedded import account
from server.embedded.account import Account

# Unlike /var/tmp this is not emptied of old files by the machine. Only root, who may write here, ever needs it.
ELSEWHERE = Path("/var/lib")
# The address of a unix socket holds 103 bytes on macOS, 107 on Linux; `/.s.PGSQL.5432.lock` is 20 of them.
SOCKET_FOLDER_BYTES = 80


@dataclass(frozen=True, slots=True)
class Home:
    """Our own secrets lie in `root`; the engines, who may be another user, have `engines` and `sockets`."""

    root: Path
    engines: Path
    sockets: Path
    account: Account | None

    def give(self, path: Path) -> None:
        """Hand a file or folder to the user the engines run as."""
        if self.account is not None:
            self.account.take(path)

    def folder(self, path: Path) -> Path:
        """The folder, made if need be; the engines' own, closed to everybody else."""
        path.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o700)
        self.give(path)
        return path


def open_home(data_dir: Path, *, elsewhere: Path = ELSEWHERE) -> Home:
    """Make what is missing, and find again what an earlier start has put elsewhere."""
    user = account.for_engines()
    root = data_dir.expanduser().absolute()
    root.mkdir(mode=0o700 if user is None else 0o711, parents=True, exist_ok=True)
    engines = root
    if user is not None and not user.may_enter(root):
        engines = _recorded(root / "elsewhere", elsewhere)
        engines.chmod(0o711)
    sockets = engines / "run"
    if len(os.fsencode(sockets)) > SOCKET_FOLDER_BYTES:
        sockets = _recorded(root / "sockets", Path("/tmp"))
    home = Home(root, engines, sockets, user)
    home.folder(sockets)
    return home


def kept(path: Path) -> str:
    """The secret in this file, made on the first call; readable by its owner alone."""
    # Written aside and then linked: whoever is killed in between leaves no empty secret, and the first one wins.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
    return path.read_text().strip()


def _recorded(note: Path, parent: Path) -> Path:
    # The name is not to be guessed: in a folder that all may write, a guessed name could already be someone else's.
    if note.exists():
        folder = Path(note.read_text().strip())
        if folder.is_dir() and not folder.is_symlink():
            return folder
    folder = Path(tempfile.mkdtemp(prefix="parley-", dir=parent))
    note.write_text(f"{folder}\n")
    return folder
