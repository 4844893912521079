"""Whole servers whose Redis is a cluster: nothing but the URL is different."""

from __future__ import annotations

from tests.eventually import eventually
from tests.fleet.cluster import cluster
from tests.fleet.server import helper, person, servers
from tests.sdk.driver import pythonic

PATIENCE_SECONDS = 30.0


async def test_servers_and_workers_on_a_cluster(fresh_database: str) -> None:
    async with (
        cluster() as formed,
        servers(fresh_database, formed.url, 2) as (here, there),
        pythonic() as ann,
        pythonic() as bob,
    ):
        token, _ = await person(here, "Ann")
        here.http.token = token
        with helper(here, "work") as program:
            posted = await here.http.call("POST", "/chat/send", {"text": "Wo bleibt denn mein Regenschirm?"})
            thread = posted.body["thread_id"]
            channel = f"thread:{thread}"
            await ann.enters(here.socket_url, token, channel)
            await bob.enters(there.socket_url, token, channel)
            for number in range(2, 7):
                await here.http.call("POST", "/chat/send", {"thread_id": thread, "text": str(number)})
            wanted = [(number, str(number)) for number in range(2, 7)]
            for someone in (ann, bob):
                await eventually(
                    lambda: [(offset, data["text"]) for offset, data in someone.heard(channel)] == wanted,  # noqa: B023
                    within=PATIENCE_SECONDS,
                )

            async def language() -> str | None:
                page = await here.http.call("GET", f"/chat/history?thread_id={thread}")
                found: str | None = page.body["messages"][0]["language"]
                return found

            assert await eventually(language, within=PATIENCE_SECONDS) == "de"
            program.check()
            assert await program.stop() == 0
        assert [server.errors() for server in (here, there)] == [[], []]
