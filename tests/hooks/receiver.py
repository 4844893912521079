"""Somebody else's server: verifies what comes, writes it down, and answers as it is told."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Heard:
    """One request. `signatures` are as they came."""

    path: str
    id: str
    timestamp: str
    signatures: list[str]
    body: bytes

    @property
    def event(self) -> Any:
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        return str(self.event["type"])

    @property
    def data(self) -> Any:
        return self.event["data"]

    def is_signed_by(self, secret: str) -> bool:
        """Whether this secret made one of the signatures; written anew here, from the specification."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        made = hmac.digest(key, f"{self.id}.{self.timestamp}.".encode() + self.body, hashlib.sha256)
        return f"v1,{base64.b64encode(made).decode()}" in self.signatures


def _opened() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


Answer = Callable[[Heard], int | str]


def ok(_: Heard) -> int:
    """Takes everything."""
    return 200


@dataclass(slots=True)
class Receiver:
    """`answer` says the status of each request, or `hang`; while `is_open` is cleared all of them wait for theirs.

    `taken` are those that were answered with 2xx.
    """

    port: int = 0
    answer: Answer = ok
    headers: str = ""
    text: str = "thank you"
    is_open: asyncio.Event = field(default_factory=_opened)
    heard: list[Heard] = field(default_factory=list)
    ended: int = 0  # of the requests that hung
    taken: list[Heard] = field(default_factory=list)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def first(self) -> list[Heard]:
        """What was taken, without repeats."""
        return list({heard.id: heard for heard in reversed(self.taken)}.values())[::-1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await self._exchange(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        names = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(names["content-length"]))
        signatures = names["webhook-signature"].split(" ")
        heard = Heard(head[0].split(" ")[1], names["webhook-id"], names["webhook-timestamp"], signatures, body)
        self.heard.append(heard)
        await self.is_open.wait()
        status = self.answer(heard)
        if status == "hang":
            await reader.read()  # until the caller has had enough
            self.ended += 1
            raise ConnectionResetError
        if 200 <= int(status) < 300:
            self.taken.append(heard)
        answer = f"HTTP/1.1 {status} As told\r\ncontent-length: {len(self.text)}\r\n{self.headers}\r\n{self.text}"
        writer.write(answer.encode())


@asynccontextmanager
async def receiver(answer: Answer = ok) -> AsyncIterator[Receiver]:
    """One that listens on a loopback port of its own."""
    one = Receiver(answer=answer)
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.port = int(server.sockets[0].getsockname()[1])
    try:
        yield one
    finally:
        server.close()
