"""A private Valkey below DATA_DIR, reached through a unix socket alone: the folder of the socket is its lock."""

from __future__ import annotations

import signal
import socket
from urllib.parse import quote

from typing_extensions import override

from server.embedded import orphan, where
from server.embedded.engine import Engine
from server.embedded.home import Home
from server.embedded.profile import Profile
from server.embedded.where import EngineFailed

OLDEST_MAJOR = 7
DATABASES = 64
PROBE_SECONDS = 1.0


class Valkey(Engine):
    """The folder carries the major version, since no older one can read it. `label` sets several servers apart."""

    name = "Valkey"
    stop_signals = (signal.SIGTERM,)

    def __init__(self, home: Home, profile: Profile, label: str = "") -> None:
        super().__init__(home)
        self._profile = profile
        self._program = where.within_reach(where.valkey(), home)
        if self._program.major < OLDEST_MAJOR:
            raise EngineFailed(
                f"{self._program.path} is version {self._program.version}; Parley needs {OLDEST_MAJOR} or newer"
            )
        self._data = home.engines / f"{self._program.brand}{self._program.major}{label}"
        self._pid_file = self._data / "server.pid"
        self._socket = home.sockets / f"valkey{label}.sock"

    @property
    def url(self) -> str:
        """Where to connect, as redis-py understands it."""
        return f"unix://{quote(str(self._socket))}?db=0"

    @override
    def command(self) -> list[str]:
        return [
            str(self._program.path),
            *("--port", "0"),
            *("--unixsocket", str(self._socket)),
            *("--unixsocketperm", "700"),
            *("--dir", str(self._data)),
            *("--pidfile", str(self._pid_file)),
            *("--databases", str(DATABASES)),
            # The next launcher knows its orphan by the command line, which Valkey would overwrite.
            *("--set-proc-title", "no"),
            *self._profile.valkey,
        ]

    @override
    def prepare(self) -> None:
        """End what an earlier launcher left behind."""
        orphan.end(self._pid_file, str(self._data), self.stop_signals)
        self.home.folder(self._data)

    @override
    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(PROBE_SECONDS)
            try:
                probe.connect(str(self._socket))
                probe.sendall(b"PING\r\n")
                # While it loads its file it says -LOADING.
                return probe.recv(64).startswith(b"+PONG")
            except OSError:
                return False
