"""Somebody is erased: the account at once, what they said by a job that no kill stops, and nothing of it is left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from server import ids
from server.auth.constants import Role
from server.embedded import people
from server.embedded.people import Login
from tests.eventually import eventually
from tests.fleet.server import Server, helper, servers
from tests.sdk.driver import pythonic

MARKER = "xyzzymarker"
PASSWORD = "correct horse"
SLOW = 60.0


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account, at one server."""

    server: Server
    id: str
    token: str

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer of a door, whatever it is."""
        self.server.http.token = self.token
        return await self.server.http.call(method, path, body)

    async def told(self, method: str, path: str, body: Any = None) -> Any:
        """What a door answers to somebody who may."""
        answer = await self.ask(method, path, body)
        assert answer.status < 400, answer
        return answer.body

    async def says(self, thread: str, text: str, **more: Any) -> Any:
        return await self.told("POST", "/chat/send", {"thread_id": thread, "text": text, **more})


@pytest.fixture
async def server(fresh_database: str, redis_url: str) -> AsyncIterator[Server]:
    async with servers(fresh_database, redis_url, 1) as (one,):
        yield one


async def member(server: Server, database: str, name: str = "Ada", role: Role = Role.USER) -> Person:
    login = Login(f"{ids.new().hex}@example.com", PASSWORD)
    await people.admit(database, login, name, role)
    server.http.token = None
    keys = await server.http.call("POST", "/auth/login", {"email": login.email, "password": PASSWORD})
    return Person(server, keys.body["user"]["id"], keys.body["access_token"])


async def rows(database: str, query: str, *values: Any) -> list[Any]:
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(database)
    try:
        return list(await connection.fetch(query, *values))
    finally:
        await connection.close()


async def places_of(database: str, word: str) -> list[str]:
    """Every table with a row that holds the word anywhere, whatever the column."""
    tables = await rows(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found = []
    for (table,) in tables:
        count = await rows(database, f'SELECT count(*) FROM "{table}" t WHERE strpos(t::text, $1) > 0', word)
        found += [table] if count[0][0] else []
    return sorted(found)


async def finished(database: str, user: str) -> bool:
    return bool(await rows(database, "SELECT FROM erasures WHERE user_id = $1 AND finished_at IS NOT NULL", user))


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that one can leave behind."""

    admin: Person
    eve: Person
    bob: Person
    group: str
    whole: tuple[str, str]


async def scene(server: Server, database: str) -> Scene:
    """Eve writes the marker wherever she can write."""
    admin = await member(server, database, "Root", Role.ADMIN)
    eve, bob = await member(server, database, f"Eve {MARKER}"), await member(server, database, "Bob")
    group = (await eve.told("POST", "/chat/threads", {"kind": "group", "members": [bob.id]}))["id"]
    direct = (await bob.told("POST", "/chat/threads", {"kind": "direct", "members": [eve.id]}))["id"]
    said = await eve.says(group, f"one {MARKER} #{MARKER}", payload={"a": MARKER}, client_id=f"c-{MARKER}")
    await eve.told("PATCH", f"/chat/message/{said['id']}", {"text": f"another {MARKER}"})
    gone = await eve.says(group, f"deleted {MARKER}", client_id=f"d-{MARKER}")
    await eve.told("DELETE", f"/chat/message/{gone['id']}")
    kept = await bob.says(group, "mine")
    await eve.told("PUT", f"/chat/message/{kept['id']}/reactions/x")
    await bob.told("PUT", f"/chat/message/{kept['id']}/reactions/x")
    await eve.says(direct, f"between us {MARKER}")
    own = await eve.told("POST", "/chat/send", {"text": f"help {MARKER}"})
    await admin.told("POST", f"/chat/threads/{own['thread_id']}/take")  # or the assistant would add to it
    await admin.told("POST", f"/chat/threads/{own['thread_id']}/notes")
    await eve.told("POST", "/auth/tokens", {"name": MARKER})
    assert {"messages", "revisions", "users", "access_tokens"} <= set(await places_of(database, MARKER))
    return Scene(admin, eve, bob, group, (direct, own["thread_id"]))


async def test_nothing_of_what_somebody_wrote_is_left(server: Server, fresh_database: str) -> None:
    there = await scene(server, fresh_database)
    admin, eve, bob = there.admin, there.eve, there.bob

    async def is_indexed() -> bool:
        return "search_texts" in await places_of(fresh_database, MARKER)

    async def is_gone() -> bool:
        return await places_of(fresh_database, MARKER) == []

    with helper(server, "schedule"):
        assert await eventually(is_indexed, within=SLOW)
        wrong = await eve.ask("DELETE", "/auth/me", {"current_password": "battery staple"})
        assert (wrong.status, wrong.body["code"]) == (403, "wrong_password")
        record = await eve.told("DELETE", "/auth/me", {"current_password": PASSWORD})
        assert (record["user_id"], record["requested_by"], record["finished_at"]) == (eve.id, eve.id, None)
        assert (await eve.ask("GET", "/auth/me")).status == 401
        assert await eventually(is_gone, within=SLOW)
        assert await eventually(lambda: finished(fresh_database, eve.id), within=40.0)
    for thread in there.whole:
        assert (await admin.ask("GET", f"/chat/threads/{thread}")).status == 404
    left = (await bob.told("GET", f"/chat/history?thread_id={there.group}"))["messages"]
    assert [(each["text"], bool(each["deleted_at"])) for each in left] == [("", True), ("", True), ("mine", False)]
    assert left[2]["reactions"] == {"x": [bob.id]}
    (alone,) = await bob.told("GET", f"/chat/threads/{there.group}/members")
    assert (alone["user_id"], alone["capability"]) == (bob.id, "manage")
    assert await places_of(fresh_database, eve.id) == ["erasures", "messages"]  # an id that leads to nobody
    (one,) = (await admin.told("GET", "/auth/erasures"))["erasures"]
    assert (one["messages"], one["reactions"], one["threads"]) == (4, 1, 3)


async def test_the_last_admin_stays(server: Server, fresh_database: str) -> None:
    admin = await member(server, fresh_database, "Root", Role.ADMIN)
    alone = await admin.ask("DELETE", "/auth/me", {"current_password": PASSWORD})
    assert (alone.status, alone.body["code"]) == (409, "last_admin")
    own = await admin.ask("DELETE", f"/auth/users/{admin.id}")
    assert (own.status, own.body["code"]) == (409, "own_account")
    await member(server, fresh_database, "Second", Role.ADMIN)
    assert (await admin.ask("DELETE", "/auth/me", {"current_password": PASSWORD})).status == 202


MANY = """WITH t AS (UPDATE threads SET top = top + cardinality($3::uuid[]), posted = posted + cardinality($3)
                    WHERE id = $1)
          INSERT INTO messages (thread_id, number, "offset", id, author_id, author_kind, text)
          SELECT $1, n + 1, n + 1, m.id, $2, 'user', 'said ' || n
          FROM unnest($3::uuid[]) WITH ORDINALITY AS m(id, n)"""
COUNT = 3_000


async def left(database: str) -> int:
    """How many messages still say something."""
    return int((await rows(database, "SELECT count(*) FROM messages WHERE deleted_at IS NULL"))[0][0])


async def erased_in_two_goes(server: Server, database: str, bob: Person, group: str) -> Any:
    """The first scheduler is killed in the middle; returns what was posted before the second one came."""
    with helper(server, "schedule") as first:

        async def has_begun() -> bool:
            return await left(database) <= COUNT

        assert await eventually(has_begun, within=SLOW)
        first.kill()
    assert 0 < await left(database) <= COUNT, "killed in the middle"
    said = await bob.says(group, "I can still post")
    with helper(server, "schedule"):

        async def is_done() -> bool:
            return await left(database) == 1

        assert await eventually(is_done, within=SLOW)
    return said


async def test_listeners_hear_it_in_order_though_a_scheduler_is_killed(server: Server, fresh_database: str) -> None:
    admin = await member(server, fresh_database, "Root", Role.ADMIN)
    eve, bob = await member(server, fresh_database, "Eve"), await member(server, fresh_database, "Bob")
    group = (await bob.told("POST", "/chat/threads", {"kind": "group", "members": [eve.id]}))["id"]
    channel = f"thread:{group}"
    await eve.says(group, "the first")
    await rows(fresh_database, MANY, group, eve.id, [ids.new() for _ in range(COUNT)])
    async with pythonic() as hers, pythonic() as his:
        await hers.enters(server.socket_url, eve.token, channel)
        await his.enters(server.socket_url, bob.token, channel)
        assert (await admin.ask("DELETE", f"/auth/users/{eve.id}")).status == 202
        await eventually(lambda: hers.seen("disconnected", code=3503), within=SLOW)
        said = await erased_in_two_goes(server, fresh_database, bob, group)
        await eventually(lambda: len(his.heard(channel)) == COUNT + 2, within=SLOW)
    offsets = [offset for offset, _ in his.heard(channel)]
    assert offsets == list(range(COUNT + 2, 2 * COUNT + 4))
    deleted = [data for _, data in his.heard(channel) if data["id"] != said["id"]]
    assert all(data["text"] == "" and data["deleted_at"] for data in deleted)
    assert len({data["id"] for data in deleted}) == COUNT + 1
    (record,) = (await admin.told("GET", "/auth/erasures"))["erasures"]
    assert record["messages"] == COUNT + 1
