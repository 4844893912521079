"""A small HTTP/1.1 client over raw connections: hundreds of closed-loop callers in one test process, at little cost."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

ANSWER_SECONDS = 20.0  # a server that takes longer hangs, and that is a failure


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `body` is the JSON, None where there is none."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass(slots=True)
class Http:
    """One caller: a kept connection, opened again when it broke. Not for calls that overlap."""

    host: str
    port: int
    token: str | None = None
    _reader: asyncio.StreamReader | None = field(default=None, repr=False)
    _writer: asyncio.StreamWriter | None = field(default=None, repr=False)

    async def call(self, method: str, path: str, body: Any = None) -> Answer:
        """Send and await the answer. OSError when the connection breaks or is refused, TimeoutError when it hangs."""
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nhost: {self.host}\r\ncontent-length: {len(data)}\r\n"
        if body is not None:
            head += "content-type: application/json\r\n"
        if self.token is not None:
            head += f"authorization: Bearer {self.token}\r\n"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._exchange(head.encode() + b"\r\n" + data)
        except asyncio.IncompleteReadError as error:
            self.close()
            raise ConnectionResetError("the connection ended in the middle of an answer") from error
        except BaseException:
            self.close()
            raise

    async def _exchange(self, request: bytes) -> Answer:
        if self._reader is not None and self._reader.at_eof():
            self.close()  # the server ended an idle connection
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self.host, self.port)
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        content = await self._reader.readexactly(int(headers.get("content-length", "0")))
        answer = Answer(
            int(head[0].split(" ")[1]), headers, json.loads(content) if content[:1] in (b"{", b"[") else None
        )
        if headers.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
