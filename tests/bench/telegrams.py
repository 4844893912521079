"""A Telegram that costs next to nothing: it answers, counts, and looks whether each chat's messages come in order."""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from multiprocessing.connection import Connection
from typing import cast
from urllib.parse import parse_qs

import httptools
import uvloop
from typing_extensions import override

COUNT = b"/count"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
TAKEN = b'{"ok":true,"result":{"message_id":%d,"date":1,"chat":{"id":%d,"type":"private","first_name":"x"},"text":"x"}}'
TOLD = b'{"taken":%d,"out_of_order":%d}'


class Chats:
    """What has arrived: the last number of each chat, which every text is."""

    def __init__(self) -> None:
        self.last: dict[int, int] = defaultdict(lambda: -1)
        self.taken = self.out_of_order = 0

    def take(self, body: bytes) -> bytes:
        told = parse_qs(body)
        chat, number = int(told[b"chat_id"][0]), int(told[b"text"][0])
        self.taken += 1
        self.out_of_order += number <= self.last[chat]
        self.last[chat] = number
        return TAKEN % (self.taken, chat)


class Line(asyncio.Protocol):
    """One connection of the bot."""

    def __init__(self, chats: Chats) -> None:
        self._chats = chats
        self._parser = httptools.HttpRequestParser(self)
        self._body = self._path = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path = url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body, self._body = self._body, b""
        is_count = self._path == COUNT
        answer = TOLD % (self._chats.taken, self._chats.out_of_order) if is_count else self._chats.take(body)
        self._transport.write(HEAD % len(answer) + answer)


async def _serve(door: socket.socket) -> None:
    chats = Chats()
    server = await asyncio.get_running_loop().create_server(lambda: Line(chats), sock=door)
    await server.serve_forever()


def work(pipe: Connection) -> None:
    """Serve on a port of its own choice, which is the one thing it says."""
    pipe.recv()
    with socket.create_server(("127.0.0.1", 0)) as door:
        pipe.send(door.getsockname()[1])
        uvloop.run(_serve(door))
