"""A server, a worker and a scheduler, and an admin who adds endpoints."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from server import ids
from server.auth.constants import Role
from server.auth.tokens import Lifetimes, Tokens
from tests.fleet.http import Http
from tests.fleet.server import SECRET, Program, Server, helper, person, servers

# Nobody waits a day in a test.
HURRIED = {"WEBHOOK_ALLOW_PRIVATE": "127.0.0.0/8", "WEBHOOK_RETRY_SECONDS": "0.05"}


@dataclass(frozen=True, slots=True)
class Installation:
    """`admin` and `visitor` are signed in; `programs` are the worker and the scheduler."""

    server: Server
    admin: Http
    visitor: Http
    programs: list[Program]
    groups: list[str] = field(default_factory=list)

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What the admin is told, having been allowed."""
        answer = await self.admin.call(method, path, body)
        assert answer.status < 400, answer
        return answer.body

    async def endpoint(self, url: str, **more: Any) -> Any:
        """A new endpoint, with its secret."""
        return await self.ask("POST", "/hooks", {"url": url, **more})

    async def says(self, text: str, **more: Any) -> Any:
        """A message of the visitor: in a group of their own unless told where. The assistant has no say in groups."""
        if "thread_id" not in more:
            if not self.groups:
                opened = await self.visitor.call("POST", "/chat/threads", {"kind": "group"})
                self.groups.append(opened.body["id"])
            more["thread_id"] = self.groups[0]
        answer = await self.visitor.call("POST", "/chat/send", {"text": text, **more})
        assert answer.status < 400, answer
        return answer.body

    async def log(self, endpoint: Any) -> list[Any]:
        """The attempts at an endpoint, the latest first."""
        found: list[Any] = (await self.ask("GET", f"/hooks/{endpoint['id']}/log"))["attempts"]
        return found


@asynccontextmanager
async def installation(database_url: str, redis_url: str, **settings: str) -> AsyncIterator[Installation]:
    """All processes of an installation, ready."""
    async with servers(database_url, redis_url, 1, **{**HURRIED, **settings}) as (server,):
        admin, visitor = Http("127.0.0.1", server.port), Http("127.0.0.1", server.port)
        _, admin_id = await person(server, "Ada")
        tokens = Tokens((SECRET,), Lifetimes(900, 3600))
        admin.token = tokens.issue(UUID(admin_id), "Ada", Role.ADMIN, ids.new())
        visitor.token, _ = await person(server, "Visitor")
        with ExitStack() as stack:
            programs = [stack.enter_context(helper(server, command)) for command in ("work", "schedule")]
            stack.callback(admin.close)
            stack.callback(visitor.close)
            yield Installation(server, admin, visitor, programs)
