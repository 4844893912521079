"""Engines of one chaos test alone: durable, and there to be killed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.embedded import schema
from server.embedded.home import open_home
from server.embedded.postgres import Postgres
from server.embedded.profile import DURABLE
from server.embedded.valkey import Valkey


@dataclass(frozen=True, slots=True)
class Engines:
    """A PostgreSQL and a Valkey with `start`, `kill` and `url`."""

    postgres: Postgres
    valkey: Valkey


@pytest.fixture
async def engines() -> AsyncIterator[Engines]:
    folder = Path(tempfile.mkdtemp(prefix="parley-chaos-", dir="/tmp"))
    folder.chmod(0o711)
    home = open_home(folder)
    pair = Engines(Postgres(home, DURABLE), Valkey(home, DURABLE))
    try:
        pair.postgres.start()
        pair.valkey.start()
        await schema.migrate(pair.postgres.url())
        yield pair
    finally:
        pair.valkey.kill()
        pair.postgres.stop()
        shutil.rmtree(home.engines, ignore_errors=True)
        shutil.rmtree(home.sockets, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
