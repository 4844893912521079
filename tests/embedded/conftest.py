"""A folder that the engines can reach, whoever they run as, and that leaves nothing behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short and open to walk through, which pytest's own folders are not."""
    path = Path(tempfile.mkdtemp(prefix="parley-test-", dir="/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)
