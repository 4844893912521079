"""The fake Telegram over HTTP, for any ASGI server: `/bot<token>/<method>`, with the statuses of the real one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from bots.fake.world import Answer, World, failure

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Hangup(Exception):
    """The answer ends in its middle, as if the line were cut."""


class Door:
    """An ASGI application."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        found, _, method = str(scope["path"]).removeprefix("/bot").rpartition("/")
        body = await _body(receive)
        if ":" not in found:
            answer = Answer(404, failure(404, "Not Found"))
        else:
            said = (
                json.loads(body)
                if (b"content-type", b"application/json") in scope["headers"]
                else _fields(body.decode())
            )
            given = {**_fields(scope["query_string"].decode()), **said}
            answer = await self.world.call(found, method, given)
        content = json.dumps(answer.body).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if answer.drops:
            raise Hangup
        await send({"type": "http.response.body", "body": content})


async def _body(receive: Receive) -> bytes:
    whole = b""
    while True:
        piece = await receive()
        whole += bytes(piece.get("body", b""))
        if not piece.get("more_body"):
            return whole


def _fields(form: str) -> dict[str, Any]:
    """What PTB sends: values that are no text are written as JSON."""
    return {name: _value(name, value) for name, value in parse_qsl(form, keep_blank_values=True)}


def _value(name: str, value: str) -> Any:
    if name in ("text", "url", "secret_token"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
