"""The endpoint of the settings: there from the start, suspended and resumed like any, changed by the settings alone."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from server.hooks.constants import KINDS
from server.hooks.signing import new_secret
from tests.eventually import eventually
from tests.fleet.server import ROOT, SECRET, Program, helper
from tests.hooks.installation import Installation, installation
from tests.hooks.receiver import receiver

PATIENCE_SECONDS = 40.0


async def test_the_endpoint_of_the_settings_is_there_and_only_they_change_it(
    fresh_database: str, redis_url: str
) -> None:
    old, new = new_secret(), new_secret()
    async with receiver() as one:
        settings = {
            "WEBHOOK_URL": one.url("/settings"),
            "WEBHOOK_SECRETS": f"{new}, {old}",
            "WEBHOOK_EVENTS": "message.posted, message.deleted",
        }
        async with installation(fresh_database, redis_url, **settings) as home:
            (endpoint,) = await eventually(lambda: home.ask("GET", "/hooks"), within=PATIENCE_SECONDS)
            assert (endpoint["is_from_settings"], endpoint["url"]) == (True, one.url("/settings"))
            said = await home.says("hello")
            await home.visitor.call("DELETE", f"/chat/message/{said['id']}")
            await eventually(lambda: len(one.first()) == 2, within=PATIENCE_SECONDS)
            assert [heard.kind for heard in one.first()] == ["message.posted", "message.deleted"]
            assert all(heard.is_signed_by(old) and heard.is_signed_by(new) for heard in one.heard)
            address = f"/hooks/{endpoint['id']}"
            for method, path, body in (
                ("PATCH", address, {"url": "https://example.com/"}),
                ("PATCH", address, {"may_answer": True}),
                ("POST", f"{address}/secret", {}),
                ("DELETE", address, None),
            ):
                assert (await home.admin.call(method, path, body)).body["code"] == "endpoint_from_settings"
            suspended = await home.ask("PATCH", address, {"is_suspended": True})
            with ExitStack() as stack:  # one more process adopts it: what the settings do not say stays
                stack.enter_context(helper(home.server, "schedule"))
                await home.says("while it is suspended")
                await eventually(lambda: _waits(home, address), within=PATIENCE_SECONDS)
            assert (await home.ask("GET", address))["suspended_at"] == suspended["suspended_at"]
            await home.ask("PATCH", address, {"is_suspended": False})
            await eventually(lambda: len(one.first()) == 3, within=PATIENCE_SECONDS)


async def _waits(home: Installation, address: str) -> bool:
    found = await home.ask("GET", address)
    return bool(found["waiting"] == 1)


@pytest.mark.parametrize("command", ["work", "schedule"])
async def test_a_kind_that_there_is_not_refuses_to_start(
    command: str, fresh_database: str, redis_url: str, tmp_path: Path
) -> None:
    settings = {"DATABASE_URL": fresh_database, "REDIS_URL": redis_url, "SECRET_KEY": SECRET, "PYTHONPATH": str(ROOT)}
    program = Program(command, tmp_path, {**os.environ, **settings, "WEBHOOK_EVENTS": "message.posted, message.postd"})
    program.launch()
    try:
        assert await asyncio.to_thread(program.wait) == 2
        said = program.log.read_text()
        assert "WEBHOOK_EVENTS: there is no kind `message.postd`" in said
        assert all(kind in said for kind in KINDS)
    finally:
        program.end()
