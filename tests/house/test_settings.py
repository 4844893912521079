"""Whoever reads `.env.example` knows every setting, and the truth about its default."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from server.config import Settings

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / ".env.example").read_text()
SHOWN = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
# Empty by default; the example shows the form of a value instead.
ILLUSTRATED = {"DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "ALLOWED_ORIGINS"}


def test_the_example_names_every_setting_and_no_other() -> None:
    assert set(SHOWN) == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("name", sorted(set(SHOWN) - ILLUSTRATED))
def test_the_example_shows_the_default(name: str) -> None:
    default = Settings.model_fields[name.lower()].default
    assert SHOWN[name] == (default.get_secret_value() if isinstance(default, SecretStr) else str(default))


def test_the_example_can_be_used_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(re.sub(r"^# ([A-Z_]+=)", r"\1", EXAMPLE, flags=re.MULTILINE))
    settings = Settings()
    assert settings.database == SHOWN["DATABASE_URL"]
    assert settings.allowed_origins == json.loads(SHOWN["ALLOWED_ORIGINS"])
