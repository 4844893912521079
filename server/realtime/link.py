"""One connection to Redis in RESP3: commands go out joined, messages come in by the batch. Knows no channel of ours."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qs, unquote, urlsplit

import hiredis
from typing_extensions import override

DIAL_SECONDS = 5.0
CLOSE_SECONDS = 1.0

Messages = list[tuple[bytes, bytes]]


class Refused(Exception):
    """Redis answers, but not as we need it: a wrong password, a version before 6, no right to subscribe."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where Redis is, and how to be let in."""

    host: str
    port: int
    path: str
    is_encrypted: bool
    login: tuple[bytes, ...]
    database: int

    @classmethod
    def of(cls, url: str) -> Address:
        """Read `redis://`, `rediss://` or `unix://`; raises ValueError for anything else."""
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss", "unix"):
            raise ValueError(f"not a Redis URL: {parts.scheme}://…")
        is_local = parts.scheme == "unix"
        wanted = parse_qs(parts.query).get("db", [""])[0] or ("" if is_local else parts.path.strip("/"))
        password = unquote(parts.password or "").encode()
        login = (b"AUTH", unquote(parts.username or "default").encode(), password) if password else ()
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=(None if is_local else parts.port) or 6379,
            path=unquote(parts.path) if is_local else "",
            is_encrypted=parts.scheme == "rediss",
            login=login,
            database=int(wanted or 0),
        )


class Link(asyncio.Protocol):
    """Calls `hear` with what one read brought, `confirm` for each subscription, and sets `lost` at the end."""

    def __init__(self, hear: Callable[[Messages], None], confirm: Callable[[bytes], None]) -> None:
        self._hear = hear
        self._confirm = confirm
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = asyncio.Event()
        self.was_heard = False

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses

    @override
    def data_received(self, data: bytes) -> None:
        self.was_heard = True
        self._reader.feed(data)
        messages: Messages = []
        gets = self._reader.gets
        try:
            while (item := gets()) is not False:
                if isinstance(item, hiredis.PushNotification):
                    if item[0] == b"message":
                        messages.append((item[1], item[2]))
                    elif item[0] == b"subscribe":
                        self._confirm(item[1])
                elif not self.greeted.done():
                    self._greet(item)
        except hiredis.ProtocolError:
            self.abort()
        if messages:
            self._hear(messages)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        if not self.greeted.done():
            self.greeted.set_exception(exc or ConnectionResetError("Redis hung up"))

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    @property
    def waiting_bytes(self) -> int:
        """What Redis has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    async def close(self) -> None:
        """Hang up once what was written has left; a Redis that takes nothing is not waited for."""
        if self._transport is None:
            return
        self._transport.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.lost.wait()
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _greet(self, item: object) -> None:
        if isinstance(item, hiredis.ReplyError):
            self.greeted.set_exception(Refused(str(item)))
        else:
            self.greeted.set_result(None)


def command(*words: bytes) -> bytes:
    """One command as Redis reads it."""
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


async def dial(address: Address, hear: Callable[[Messages], None], confirm: Callable[[bytes], None]) -> Link:
    """A greeted connection; raises OSError, TimeoutError or Refused."""
    loop = asyncio.get_running_loop()
    link = Link(hear, confirm)
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            if address.path:
                await loop.create_unix_connection(lambda: link, address.path)
            else:
                encryption = ssl.create_default_context() if address.is_encrypted else None
                await loop.create_connection(lambda: link, address.host, address.port, ssl=encryption)
            link.write(command(b"HELLO", b"3", *address.login, b"SETNAME", b"parley-bus"))
            await link.greeted
    except BaseException:
        link.greeted.cancel()
        link.abort()
        raise
    return link
