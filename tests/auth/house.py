"""One server process as far as people are concerned: the doors of the auth room over real engines."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
from fastapi import FastAPI
from httpx2 import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from server import ids
from server.auth import machines, service
from server.auth.attempts import Attempts
from server.auth.constants import Role
from server.auth.passwords import Cost, Passwords
from server.auth.revocations import Revocations
from server.auth.router import router
from server.auth.service import Auth
from server.auth.tokens import Lifetimes, Tokens
from server.database import Database
from server.pacing.limiter import Limiter
from server.valkey import connect
from server.web import Gate, install_problems

PASSWORD = "correct horse battery"
SECRET = "the first secret of thirty-two or more letters"
CHEAP = Cost(kibibytes=8, passes=1)
UNHURRIED = 100_000  # attempts a minute: more than any test makes

addresses = itertools.count(1)


class CountingPasswords(Passwords):
    """The real thing; it counts the work, because time itself is a poor witness."""

    def __init__(self) -> None:
        super().__init__(CHEAP)
        self.work: list[str] = []

    @override
    async def hash(self, password: str) -> str:
        self.work.append("hash")
        return await super().hash(password)

    @override
    async def verify(self, password: str, kept: str | None) -> tuple[bool, str | None]:
        self.work.append("verify")
        return await super().verify(password, kept)


@dataclass
class House:
    """The doors, and what stands behind them."""

    auth: Auth
    client: httpx2.AsyncClient
    passwords: CountingPasswords

    async def post(self, path: str, body: Any, token: str | None = None) -> Response:
        content = json.dumps(body)  # in ASCII, so that even half a surrogate pair can be sent
        return await self.client.post(path, content=content, headers=_bearer(token))

    async def patch(self, path: str, body: Any, token: str | None = None) -> Response:
        return await self.client.patch(path, json=body, headers=_bearer(token))

    async def get(self, path: str, token: str | None = None) -> Response:
        return await self.client.get(path, headers=_bearer(token))

    async def delete(self, path: str, token: str | None = None) -> Response:
        return await self.client.delete(path, headers=_bearer(token))

    async def me(self, token: str) -> Response:
        return await self.get("/auth/me", token)

    async def login(self, email: str, password: str = PASSWORD) -> Response:
        return await self.post("/auth/login", {"email": email, "password": password})

    async def newcomer(self, role: Role = Role.USER) -> Someone:
        """A person with an account, signed in."""
        email = new_email()
        async with self.auth.database.transaction() as tx:
            await service.create_user(tx, self.auth.passwords, email, PASSWORD, name="Ada", role=role)
        keys = (await self.login(email)).json()
        return Someone(email, UUID(keys["user"]["id"]), keys["access_token"], keys["refresh_token"])

    async def machine_of(self, someone: Someone, role: Role | None = None) -> str:
        async with self.auth.database.transaction() as tx:
            _, word = await machines.create_token(tx, someone.id, "robot", role=role)
        return word


@dataclass(frozen=True)
class Someone:
    """A person who is signed in."""

    email: str
    id: UUID
    access: str
    refresh: str


def new_email() -> str:
    return f"{ids.new().hex}@example.com"


def problem(response: Response, status: int) -> dict[str, Any]:
    """The problem that was told, having checked that it is one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = response.json()
    assert told["status"] == status
    return told


@asynccontextmanager
async def open_house(
    database_url: str, redis_url: str, *, attempts: int = UNHURRIED, host: str = "", secrets: Sequence[str] = (SECRET,)
) -> AsyncIterator[House]:
    """One process. Two of them over the same engines are two processes of one installation."""
    database, redis, passwords = Database(database_url, 4), connect(redis_url), CountingPasswords()
    await database.open()
    auth = Auth(
        database,
        passwords,
        Tokens(secrets, Lifetimes()),
        Attempts(Limiter(redis), attempts),
        Revocations(database, Lifetimes().access_seconds),
    )
    transport = httpx2.ASGITransport(_app(auth), client=(host or new_host(), 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://parley.test") as client:
        yield House(auth, client, passwords)
    passwords.close()
    await redis.aclose()
    await database.close()


def new_host() -> str:
    """A network address that no other test uses."""
    return f"10.0.{next(addresses)}.1"


def _app(auth: Auth) -> ASGIApp:
    app = FastAPI()
    app.include_router(router)
    install_problems(app)
    gate = Gate(app, 262_144, {})

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"auth": auth, "database": auth.database}
        await gate(scope, receive, send)

    return with_state


def _bearer(token: str | None) -> dict[str, str]:
    return {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
