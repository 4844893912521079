"""The vocabulary of tests at the REST doors: the whole application on real engines, and people who knock at it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx2
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from server import ids
from server.auth import service
from server.auth.constants import Role
from server.auth.passwords import Cost, Passwords
from server.auth.service import Auth
from server.chat.service import Chat
from server.config import Settings
from server.database import Database
from server.main import create_app
from server.realtime.effects import Join
from server.realtime.node import Node
from tests.unit.realtime.puppets import Ear

SECRET = "the secret of the houses at the REST doors"
UNHURRIED = 100_000  # attempts a minute: more than any test makes
CHEAP = Cost(kibibytes=8, passes=1)

# What the outermost door says, wherever one knocks.
EVERYWHERE = {"upgrade_required", "no_such_route", "method_not_allowed", "nul_character", "body_too_large", "refused"}


@dataclass(frozen=True)
class Answer:
    """What a door said. A refusal is told in one word, `404 no_such_thread`."""

    status: int
    said: Any
    headers: httpx2.Headers

    @override
    def __str__(self) -> str:
        return f"{self.status} {self.said['code']}" if self.status >= 400 else f"{self.status}"

    def telling(self) -> Any:
        """What was said, by a door that did what it was asked."""
        assert self.status < 400, self.said
        return self.said


@dataclass
class House:
    """One server process: all of it, from the outermost door to the engines."""

    app: ASGIApp
    client: httpx2.AsyncClient
    state: dict[str, Any]
    passwords: Passwords = field(default_factory=lambda: Passwords(CHEAP))

    @property
    def auth(self) -> Auth:
        auth: Auth = self.state["auth"]
        return auth

    @property
    def chat(self) -> Chat:
        chat: Chat = self.state["chat"]
        return chat

    @property
    def node(self) -> Node:
        node: Node = self.state["node"]
        return node

    @property
    def database(self) -> Database:
        database: Database = self.state["database"]
        return database

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **request: Any
    ) -> Answer:
        """Knock. Whatever is refused is refused in the one form, with the id of the request."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            request["content"] = json.dumps(body)  # in ASCII, so that even half a surrogate pair can be sent
            headers["content-type"] = "application/json"
        headers |= request.pop("headers", {})
        response = await self.client.request(method, path, headers=headers, **request)
        is_json = bool(response.content) and response.headers["content-type"].endswith("json")
        said = response.json() if is_json else response.text
        if response.status_code >= 400 and not path.startswith("/health"):
            check_problem(response)
            check_documented(method, path, response)
        return Answer(response.status_code, said, response.headers)

    async def person(self, name: str = "Ada", *, role: str = "user") -> Person:
        """Somebody with an account, signed in."""
        async with self.database.transaction() as tx:
            email = f"{ids.new().hex}@example.com"
            user = await service.create_user(tx, self.passwords, email, "correct horse", name=name, role=Role(role))
        token = self.auth.tokens.issue(user.id, user.name, Role(role), ids.new())
        return Person(self, user.id, name, token)

    async def guest(self, name: str = "Visitor") -> Person:
        """Somebody without an account."""
        keys = (await self.ask("POST", "/auth/guest", {"name": name})).telling()
        return Person(self, UUID(keys["user"]["id"]), name, keys["access_token"])

    async def rows(self, query: str, *values: Any) -> list[Any]:
        """What stands in the tables."""
        async with self.database.connection() as connection:
            return list(await connection.fetch(query, *values))


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in, at the doors of one house."""

    house: House
    id: UUID
    name: str
    token: str

    def at(self, house: House) -> Person:
        """The same person at the doors of another process."""
        return Person(house, self.id, self.name, self.token)

    async def ask(self, method: str, path: str, body: Any = None, **request: Any) -> Answer:
        return await self.house.ask(method, path, body, token=self.token, **request)

    async def get(self, path: str, **query: Any) -> Any:
        return (await self.ask("GET", path, params=query or None)).telling()

    async def post(self, path: str, **body: Any) -> Any:
        return (await self.ask("POST", path, body)).telling()

    async def put(self, path: str, **body: Any) -> Any:
        return (await self.ask("PUT", path, body)).telling()

    async def patch(self, path: str, **body: Any) -> Any:
        return (await self.ask("PATCH", path, body)).telling()

    async def delete(self, path: str) -> Any:
        return (await self.ask("DELETE", path)).telling()

    async def opens(self, kind: str, **more: Any) -> Any:
        """A thread of this kind."""
        return await self.post("/chat/threads", kind=kind, **more)

    async def says(self, text: str, thread: Any = None, **more: Any) -> Any:
        """A message, in this thread or the person's own conversation."""
        where = {} if thread is None else {"thread_id": thread["id"]}
        return await self.post("/chat/send", text=text, **where, **more)

    async def reads(self, thread: Any, **query: Any) -> list[Any]:
        """The messages of a page of the thread."""
        found: list[Any] = (await self.get("/chat/history", thread_id=thread["id"], **query))["messages"]
        return found

    async def listens(self, thread: Any) -> Ear:
        """From now on, what this process pushes to whoever listens to the thread."""
        return await self.hears(f"thread:{thread['id']}")

    async def hears(self, channel: str) -> Ear:
        """From now on, what this process pushes to whoever listens to the channel."""
        ear = Ear()
        ear.who = await self.house.node.rooms.sign_in(self.token)
        await self.house.node.join(ear, ear.who, Join(1, channel), welcome=ear.welcome(channel))
        return ear

    async def calls(self, method: str, **data: Any) -> Any:
        """What a remote call over the socket answers."""
        rooms = self.house.node.rooms
        return json.loads(await rooms.call(await rooms.sign_in(self.token), method, json.dumps(data).encode()))

    async def words(self, thread: Any, **query: Any) -> list[str]:
        """The texts of a page of the thread."""
        return [message["text"] for message in await self.reads(thread, **query)]


def check_problem(response: httpx2.Response) -> None:
    """Every refusal is problem+json, complete, and no fault of ours."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    told = response.json()
    assert told["status"] == response.status_code
    assert told["code"].replace("_", "").isalpha()
    assert told["title"]
    assert len(told["detail"]) > 9, told
    assert told["request_id"] == response.headers["x-request-id"]
    assert response.status_code != 500, told


def check_documented(method: str, path: str, response: httpx2.Response) -> None:
    """OpenAPI names this refusal among those of its door; there is none at an address that is none."""
    code, status = response.json()["code"], response.status_code
    if code in EVERYWHERE:
        return
    answers = next(
        door[method.lower()]["responses"]
        for pattern, door in DOORS.items()
        if pattern.fullmatch(path.partition("?")[0]) and method.lower() in door
    )
    assert f"`{code}`:" in answers[str(status)]["description"], f"{method} {path} tells {status} {code}"


def settings_of(database_url: str, redis_url: str, **changes: Any) -> Settings:
    """The settings of a house; nothing comes from the developer's `.env`."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "redis_url": redis_url,
        "secret_key": SECRET,
        "log_level": "WARNING",
    }
    values |= {"login_attempts_per_minute": UNHURRIED, "database_connections": 4}
    return Settings(_env_file=None, **(values | changes))


@asynccontextmanager
async def open_house(
    database_url: str, redis_url: str, *, host: str = "127.0.0.1", **changes: Any
) -> AsyncIterator[House]:
    """One process; two of them over the same engines are two processes of one installation."""
    app = create_app(settings_of(database_url, redis_url, **changes))
    async with app.router.lifespan_context(app) as opened:
        state = dict(opened or {})

        async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"] = dict(state)  # as uvicorn does it
            await app(scope, receive, send)

        transport = httpx2.ASGITransport(with_state, client=(host, 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://parley.test") as client:
            house = House(with_state, client, state)
            yield house
            house.passwords.close()


DOCUMENT = create_app(settings_of("postgresql://nowhere", "redis://nowhere")).openapi()
DOORS = {re.compile(re.sub(r"\{\w+\}", "[^/]+", path)): door for path, door in DOCUMENT["paths"].items()}
