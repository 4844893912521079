"""The one listening socket of an installation: opened before anything starts, shared by all server processes."""

from __future__ import annotations

import errno
import socket

BACKLOG = 2048
PROBE_SECONDS = 0.5
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


class Closed(Exception):
    """The address cannot be listened on; the text says which, and how to choose another."""


class Door:
    """An open one: others inherit it, and connections wait in it while a server process is being replaced."""

    def __init__(self, listening: socket.socket) -> None:
        self._socket = listening
        host, self.port = listening.getsockname()[:2]
        self.host: str = ANY_ADDRESS.get(host, host)

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def file(self) -> int:
        """What a child is given."""
        return self._socket.fileno()

    @property
    def url(self) -> str:
        """Where a browser on this machine finds us."""
        return address(self.host, self.port)

    def is_ready(self) -> bool:
        """Whether a server behind the door says that it can work; a slow answer is none, so that we stay responsive."""
        try:
            with socket.create_connection((self.host, self.port), PROBE_SECONDS) as probe:
                probe.sendall(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return probe.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def close(self) -> None:
        """Our copy; those of the children are theirs."""
        self._socket.close()


def address(host: str, port: int) -> str:
    """Where a browser on this machine finds a server that listens on this host and port."""
    host = ANY_ADDRESS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens, at the first address that the name stands for. Closed says why there is none."""
    other = "choose another with PORT (and HOST), for example PORT=8001"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise Closed(f"HOST={host} is no address of this machine ({error.strerror}): {other}") from error
    door = socket.socket(family, kind, protocol)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind(address)
        door.listen(BACKLOG)
    except OSError as error:
        door.close()
        said = {
            errno.EADDRINUSE: f"port {port} on {host} is in use by another program",
            errno.EACCES: f"port {port} on {host} needs more rights than we have",
            errno.EADDRNOTAVAIL: f"HOST={host} is no address of this machine",
        }.get(error.errno or 0, f"cannot listen on {host}, port {port}: {error.strerror}")
        raise Closed(f"{said}: {other}") from error
    return door
