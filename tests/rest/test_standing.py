"""Every kind of thread, every way to stand to it, every door: each does what `Standing` says, and tells no more."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from server import ids
from server.auth.constants import Role
from server.chat.constants import Capability, Kind
from server.chat.journal import Draft
from server.chat.standing import Standing
from server.errors import Forbidden, Missing, Problem
from tests.rest.house import Answer, House, Person

PEOPLE: dict[str, tuple[Role, Capability | None]] = {
    "stranger": (Role.USER, None),
    "guest": (Role.USER, None),
    "reader": (Role.USER, Capability.READ),
    "member": (Role.USER, Capability.POST),
    "manager": (Role.USER, Capability.MANAGE),
    "operator": (Role.OPERATOR, None),
    "admin": (Role.ADMIN, None),
    "operator who reads": (Role.OPERATOR, Capability.READ),
}
FIXED = (Kind.DIRECT, Kind.ROOM, Kind.NOTES)


@dataclass(frozen=True)
class Scene:
    """A person, and a thread with one message of somebody else."""

    person: Person
    standing: Standing
    thread: UUID
    message: UUID
    host: UUID

    @property
    def channel(self) -> str:
        return f"thread:{self.thread}"


# Each door, and the standing it takes. What it is asked leaves everything as it is, but for the deletion at the end.
DOORS: list[tuple[str, str, Any, str]] = [
    ("GET", "/chat/threads/{thread}", None, "may_read"),
    ("GET", "/chat/history?thread_id={thread}", None, "may_read"),
    ("GET", "/chat/history?thread_id={thread}&q=hello&author_id={host}", None, "may_read"),
    ("GET", "/chat/message/{message}", None, "may_read"),
    ("GET", "/chat/message/{message}?context=1", None, "may_read"),
    ("GET", "/chat/threads/{thread}/members", None, "may_read"),
    ("POST", "/chat/threads/{thread}/read", {"number": 1}, "may_read"),
    ("POST", "/chat/send", {"text": "hello", "thread_id": "{thread}"}, "may_post"),
    ("POST", "/chat/send", {"text": "hello", "thread_id": "{thread}", "reply_to": "{message}"}, "may_post"),
    ("PUT", "/chat/message/{message}/reactions/x", None, "may_post"),
    ("DELETE", "/chat/message/{message}/reactions/x", None, "may_post"),
    ("PATCH", "/chat/message/{message}", {"text": "not mine"}, "is_author"),
    ("PATCH", "/chat/message/{message}", {"tags": ["x"]}, "may_manage"),
    ("GET", "/chat/message/{message}/revisions", None, "may_manage"),
    ("PATCH", "/chat/threads/{thread}", {"status": "open"}, "may_archive"),
    ("PATCH", "/chat/threads/{thread}", {"subject": "x"}, "may_manage"),
    ("PATCH", "/chat/threads/{thread}", {"tags": ["x"]}, "may_manage"),
    ("PUT", "/chat/threads/{thread}/members/{host}", {"capability": "manage"}, "may_manage"),
    ("DELETE", "/chat/threads/{thread}/members/{nobody}", None, "may_manage"),
    ("POST", "/chat/threads/{thread}/notes", None, "is_operator"),
    ("DELETE", "/chat/message/{message}", None, "may_manage"),
]


@pytest.fixture(params=product(Kind, PEOPLE), ids=lambda pair: f"{pair[0]}-{pair[1]}")
async def scene(request: pytest.FixtureRequest, house: House) -> Scene:
    kind, name = request.param
    role, capability = PEOPLE[name]
    host = await house.person("Host")
    person = await house.guest() if name == "guest" else await house.person(name, role=role)
    thread = ids.new()
    await house.rows("INSERT INTO threads (id, kind, epoch) VALUES ($1, $2, 'e')", thread, kind)
    for user, may in ((host.id, "manage"), (person.id, capability)):
        if may is not None:
            await house.rows("INSERT INTO members VALUES ($1, $2, $3)", thread, user, may)
    posted = await house.chat.journal.post(Draft(ids.new(), thread, host.id, "user", "hello"))
    return Scene(person, Standing(thread, kind, role, capability), thread, posted.id, host.id)


async def knock(scene: Scene, door: tuple[str, str, Any, str], **instead: UUID) -> Answer:
    """Ask at the door; with `instead` for another thread or message."""
    method, path, body, _ = door
    names = {"thread": scene.thread, "message": scene.message, "host": scene.host, "nobody": ids.new()} | instead
    filled = {key: value.format(**names) if isinstance(value, str) else value for key, value in (body or {}).items()}
    return await scene.person.ask(method, path.format(**names), filled if body is not None else None)


def expected(standing: Standing, door: tuple[str, str, Any, str]) -> set[int]:
    method, path, _, needed = door
    if not standing.may_read:
        return {404}
    if needed == "is_author" or not getattr(standing, needed):
        return {403}
    if path.endswith("/notes") and standing.kind is Kind.NOTES:
        return {422}
    if "/members/" in path and method != "GET" and standing.kind in FIXED:
        return {409}
    return {200, 201, 204}


async def test_every_door_does_what_the_standing_says(scene: Scene) -> None:
    for door in DOORS:
        answer = await knock(scene, door)
        assert answer.status in expected(scene.standing, door), (door, str(answer))


async def test_what_may_not_be_known_looks_like_what_is_not_there(scene: Scene) -> None:
    if scene.standing.may_read:
        return
    for door in DOORS:
        hidden, absent = await knock(scene, door), await knock(scene, door, thread=ids.new(), message=ids.new())
        for answer in (hidden, absent):
            del answer.said["request_id"]
            del answer.headers["x-request-id"]
        assert (hidden.said, hidden.headers) == (absent.said, absent.headers), door


async def test_a_list_holds_what_may_be_read(scene: Scene) -> None:
    page = await scene.person.get("/chat/threads", kind=str(scene.standing.kind), limit=100)
    is_listed = str(scene.thread) in [thread["id"] for thread in page["threads"]]
    assert is_listed == (scene.standing.may_read and scene.standing.kind is not Kind.NOTES)


async def test_the_socket_does_what_the_standing_says(scene: Scene, house: House) -> None:
    rooms = house.node.rooms
    who = await rooms.sign_in(scene.person.token)
    named = b'{"thread_id":"%b"' % str(scene.thread).encode()
    asked = [
        (rooms.join(who, scene.channel), "may_read"),
        (rooms.call(who, "chat.history", named + b"}"), "may_read"),
        (rooms.publish(who, scene.channel, b'{"text":"hello"}'), "may_post"),
        (rooms.call(who, "chat.post", named + b',"text":"hello"}'), "may_post"),
    ]
    for question, needed in asked:
        outcome: type[Problem] | None = None
        try:
            await question
        except Problem as problem:
            outcome = type(problem)
        may_read, may = scene.standing.may_read, getattr(scene.standing, needed)
        assert outcome == (None if may else Forbidden if may_read else Missing), needed


async def test_the_socket_tells_the_same_of_hidden_and_absent_threads(scene: Scene, house: House) -> None:
    if scene.standing.may_read:
        return
    rooms = house.node.rooms
    who = await rooms.sign_in(scene.person.token)
    told = []
    for channel in (scene.channel, f"thread:{ids.new()}"):
        for question in (rooms.join(who, channel), rooms.publish(who, channel, b'{"text":"x"}')):
            with pytest.raises(Missing) as caught:
                await question
            told.append((caught.value.code, caught.value.detail))
    assert len(set(told)) == 1
