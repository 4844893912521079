"""What the tests of the socket may ask for beyond the house: a Valkey that they may kill."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.embedded.home import open_home
from server.embedded.profile import FLEETING
from server.embedded.valkey import Valkey


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """One of the test's own: `kill` and `start` it at will."""
    with tempfile.TemporaryDirectory(prefix="parley-bus-") as folder:
        Path(folder).chmod(0o711)
        engine = Valkey(open_home(Path(folder) / "home"), FLEETING, "-bus")
        engine.start()
        try:
            yield engine
        finally:
            engine.stop()
