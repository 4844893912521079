"""One connection to Redis in RESP3: commands go out joined, messages come in by the batch. Knows no channel of ours."""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol, cast

import hiredis
from typing_extensions import override

from server.address import Address

DIAL_SECONDS = 5.0
CLOSE_SECONDS = 1.0

MESSAGE = (b"message", b"smessage")
SUBSCRIBED = (b"subscribe", b"ssubscribe")
UNSUBSCRIBED = (b"unsubscribe", b"sunsubscribe")

Messages = list[tuple[bytes, bytes]]


class Refused(Exception):
    """Redis answers, but not as we need it: a wrong password, a version before 6, no right to subscribe."""


class Listener(Protocol):
    """Who hears what comes in."""

    def heard(self, messages: Messages) -> None:
        """What one read brought."""

    def subscribed(self, name: bytes) -> None: ...

    def unsubscribed(self, name: bytes) -> None:
        """Asked for or not: a cluster also says it of its own accord, where a channel goes to another server."""

    def answered(self, answers: list[object]) -> None:
        """What one read brought in answers to other commands, in the order of these."""


class Link(asyncio.Protocol):
    """Tells the listener everything, and sets `lost` at the end."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
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
        answers: list[object] = []
        gets = self._reader.gets
        try:
            while (item := gets()) is not False:
                if not isinstance(item, hiredis.PushNotification):
                    answers.append(item)
                elif item[0] in MESSAGE:
                    messages.append((item[1], item[2]))
                elif item[0] in SUBSCRIBED:
                    self._listener.subscribed(item[1])
                elif item[0] in UNSUBSCRIBED:
                    self._listener.unsubscribed(item[1])
        except hiredis.ProtocolError:
            self.abort()
        if answers and not self.greeted.done():
            self._greet(answers.pop(0))
        if answers:
            self._listener.answered(answers)
        if messages:
            self._listener.heard(messages)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        if not self.greeted.done():
            self.greeted.set_exception(exc or ConnectionResetError("Redis hung up"))

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

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

    def _greet(self, answer: object) -> None:
        if isinstance(answer, hiredis.ReplyError):
            self.greeted.set_exception(Refused(str(answer)))
        else:
            self.greeted.set_result(None)


def command(*words: bytes) -> bytes:
    """One command as Redis reads it."""
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


async def dial(address: Address, listener: Listener) -> Link:
    """A greeted connection; raises OSError, TimeoutError or Refused."""
    loop = asyncio.get_running_loop()
    link = Link(listener)
    login = [word.encode() for word in address.login]
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            if address.path:
                await loop.create_unix_connection(lambda: link, address.path)
            else:
                encryption = ssl.create_default_context() if address.is_encrypted else None
                await loop.create_connection(lambda: link, address.host, address.port, ssl=encryption)
            link.write(command(b"HELLO", b"3", *([b"AUTH", *login] if login else []), b"SETNAME", b"parley-bus"))
            await link.greeted
    except BaseException:
        link.greeted.cancel()
        link.abort()
        raise
    return link
