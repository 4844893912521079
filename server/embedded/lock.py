"""One launcher for one DATA_DIR: whoever comes second is told who was first."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Taken(Exception):
    """Another launcher holds the folder; the text names its process and address, and `first` is those alone."""

    def __init__(self, data_dir: Path, first: str) -> None:
        self.first = first
        super().__init__(
            f"Parley already runs on {data_dir} ({first}): stop that one, or choose another folder with DATA_DIR"
        )


def holder(data_dir: Path) -> str | None:
    """The launcher that works on this folder now, in the words of `tell`; None when there is none."""
    try:
        with Lock(data_dir):
            return None
    except Taken as error:
        return error.first


class Lock:
    """Held from `with` to its end. The system lets go of it when the process dies, however it dies."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._handle = -1

    def __enter__(self) -> Lock:
        self._handle = os.open(self._data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            first = os.pread(self._handle, 1000, 0).decode(errors="replace").strip()
            os.close(self._handle)
            raise Taken(self._data_dir, first or "just starting") from None
        self.tell("")
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def tell(self, url: str) -> None:
        """What a second one shall read about us: our process, and the address when it is known."""
        words = f"process {os.getpid()} at {url}" if url else f"process {os.getpid()}"
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, words.encode(), 0)
