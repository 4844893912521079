"""The one listening socket of an installation: opened before anything starts, shared by all server processes."""

from __future__ import annotations

import errno
import socket

BACKLOG = 2048
PROBE_SECONDS = 0.5
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


class Closed(Exception):
    """The address cannot be listened on; the text says which, and how to choose another."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that others may inherit. Connections wait in it while a server process is being replaced."""
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


def url(door: socket.socket) -> str:
    """Where a browser on this machine finds us."""
    host, port = door.getsockname()[:2]
    host = ANY_ADDRESS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_ready(door: socket.socket) -> bool:
    """Whether a server behind the door says that it can work; a slow answer is none, so that we stay responsive."""
    host, port = door.getsockname()[:2]
    try:
        with socket.create_connection((ANY_ADDRESS.get(host, host), port), PROBE_SECONDS) as probe:
            probe.sendall(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return probe.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
