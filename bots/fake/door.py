"""The fake Telegram over HTTP, for any ASGI server: `/bot<token>/<method>` and `/file/bot<token>/<path>`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from bots.fake.form import fields, query
from bots.fake.methods import Answer, Methods, failure
from bots.fake.world import World

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = dict[str, str]

FOUND_NOTHING = Answer(404, failure(404, "Not Found"))
BODY_BYTES = 60_000_000  # Telegram takes files of 50 MB


class Hangup(Exception):
    """The answer ends in its middle, as if the line were cut."""


class Door:
    """An ASGI application, with the statuses of the real one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.methods = Methods(world)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = str(scope["path"])
        if path.startswith("/file/bot"):
            await self._download(path, send)
            return
        found, _, method = path.removeprefix("/bot").rpartition("/")
        given = await content_of(scope, receive)
        answer = FOUND_NOTHING if ":" not in found else await self.methods.call(found, method, given)
        content = json.dumps(answer.body).encode()
        await begin(send, answer.status, {"content-type": "application/json", "content-length": str(len(content))})
        if answer.drops:
            raise Hangup
        await send({"type": "http.response.body", "body": content})

    async def _download(self, path: str, send: Send) -> None:
        found = self.world.files.get(path.rpartition("/")[2])
        if found is None:
            await respond(send, 404, {"content-type": "application/json"}, json.dumps(FOUND_NOTHING.body).encode())
        else:
            await respond(send, 200, {"content-type": "application/octet-stream"}, found.content)


async def content_of(scope: Scope, receive: Receive) -> dict[str, Any]:
    """What the call gives, in its address and in its body."""
    body = await whole_body(receive)
    return {**query(scope["query_string"].decode()), **fields(header(scope, "content-type"), body)}


async def whole_body(receive: Receive) -> bytes:
    """The body; one that is too long ends the connection."""
    whole = b""
    while True:
        piece = await receive()
        whole += bytes(piece.get("body", b""))
        if len(whole) > BODY_BYTES:
            raise Hangup
        if not piece.get("more_body"):
            return whole


def header(scope: Scope, name: str) -> str:
    """The value of a header, empty where there is none."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name.encode()), "")


async def begin(send: Send, status: int, headers: Headers) -> None:
    """The head of an answer."""
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def respond(send: Send, status: int, headers: Headers, content: bytes) -> None:
    """A whole answer."""
    await begin(send, status, {**headers, "content-length": str(len(content))})
    await send({"type": "http.response.body", "body": content})
