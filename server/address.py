"""Where Redis is, read from its URL: one server, or some servers of a cluster. Dials nothing."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

SCHEMES = ("redis", "rediss", "unix")
CLUSTER_SCHEMES = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
PORT = 6379


@dataclass(frozen=True, slots=True)
class Address:
    """Where one server is, and how to be let in."""

    host: str
    port: int
    path: str
    is_encrypted: bool
    login: tuple[str, ...]
    database: int

    @classmethod
    def of(cls, url: str) -> Address:
        """Read `redis://`, `rediss://` or `unix://`; raises ValueError for anything else."""
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES:
            raise ValueError(f"not a Redis URL: {parts.scheme}://…")
        is_local = parts.scheme == "unix"
        wanted = parse_qs(parts.query).get("db", [""])[0] or ("" if is_local else parts.path.strip("/"))
        password = unquote(parts.password or "")
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=(None if is_local else parts.port) or PORT,
            path=unquote(parts.path) if is_local else "",
            is_encrypted=parts.scheme == "rediss",
            login=(unquote(parts.username or "default"), password) if password else (),
            database=int(wanted or 0),
        )

    @property
    def netloc(self) -> str:
        """Host and port as a URL writes them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def name(self) -> str:
        """What to call it in a log."""
        return self.path or self.netloc


def is_cluster(url: str) -> bool:
    """Whether the URL names a cluster."""
    return urlsplit(url).scheme in CLUSTER_SCHEMES


def addresses(url: str) -> tuple[Address, ...]:
    """The server, or of a cluster those to ask first: `redis+cluster://user:word@one:6379,two:6379`. ValueError."""
    if not is_cluster(url):
        return (Address.of(url),)
    parts = urlsplit(url)
    who, at, hosts = parts.netloc.rpartition("@")
    alone = parts._replace(scheme=CLUSTER_SCHEMES[parts.scheme])
    found = tuple(Address.of(alone._replace(netloc=f"{who}{at}{host}").geturl()) for host in hosts.split(","))
    if any(address.database for address in found):
        raise ValueError("a cluster has the database 0 alone")
    return found
