"""How careful the engines are with what they are given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """Settings of both engines: `name=value` for PostgreSQL, arguments for Valkey, and arguments for initdb."""

    postgres: tuple[str, ...]
    valkey: tuple[str, ...]
    initdb: tuple[str, ...] = ()


# What `up` runs on, and what benches and chaos measure: an acknowledged commit is on the disk.
DURABLE = Profile(
    postgres=("fsync=on", "synchronous_commit=on", "full_page_writes=on", "max_connections=200"),
    valkey=("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
)

# An ordinary test run: the data is thrown away, so nothing waits for a disk.
FLEETING = Profile(
    postgres=("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300"),
    valkey=("--appendonly", "no", "--save", ""),
    initdb=("--no-sync",),
)
