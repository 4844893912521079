"""Telegram's webhook sender at full speed: connections with chats of their own, one update after another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

import uvloop

from server.bot.router import PROOF_HEADER

ANSWER_SECONDS = 20.0
OK = b"HTTP/1.1 200"


@dataclass(frozen=True, slots=True)
class Deliver:
    """Every chat writes so many times; the answer is when the first update left, on the machine's clock."""

    port: int
    secret: str
    chats: int
    each: int
    connections: int
    first_chat: int = 1
    first_number: int = 0


def request(asked: Deliver, chat: int, number: int) -> bytes:
    """One update as it travels: the text is its number within the chat."""
    person = f'"id":{chat},"is_bot":false,"first_name":"Ada","last_name":"Lovelace","language_code":"en"'
    body = (
        f'{{"update_id":{chat * 10_000 + number},"message":{{"message_id":{number + 1},"from":{{{person}}},'
        f'"chat":{{"id":{chat},"first_name":"Ada","last_name":"Lovelace","type":"private"}},'
        f'"date":1800000000,"text":"{number}"}}}}'
    )
    head = f"POST /bot/webhook HTTP/1.1\r\nhost: localhost\r\n{PROOF_HEADER}: {asked.secret}\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


async def _deliver(asked: Deliver, chats: Sequence[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", asked.port)
    for number in range(asked.first_number, asked.first_number + asked.each):
        for chat in chats:
            writer.write(request(asked, chat, number))
            async with asyncio.timeout(ANSWER_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(OK), head
                await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    writer.close()


async def deliver(asked: Deliver) -> float:
    """Until all are taken."""
    began = time.monotonic()
    end = asked.first_chat + asked.chats
    shares = [range(asked.first_chat + first, end, asked.connections) for first in range(asked.connections)]
    await asyncio.gather(*(_deliver(asked, share) for share in shares))
    return began


def work(pipe: Connection) -> None:
    """What `Aside` asks for."""
    while True:
        pipe.send(uvloop.run(deliver(pipe.recv())))
