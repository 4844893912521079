"""Messages to one Bot API server, through our client or through python-telegram-bot as it comes: what each costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

import uvloop
from telegram.ext import ApplicationBuilder

from server.bot.client import Telegram
from server.bot.outcomes import Delivered
from server.bot.parts import parts_of

AT_ONCE = 32
WARM = 64
TOKEN = "4711:the-token-of-the-benches"


@dataclass(frozen=True, slots=True)
class Send:
    """Send so many; the answer is the seconds of CPU that one took."""

    is_ours: bool
    api: str
    count: int


async def _sent(send: Callable[[int, str], Awaitable[None]], count: int) -> float:
    async def some(lane: int, numbers: range) -> None:
        for number in numbers:
            await send(lane, str(number))

    await asyncio.gather(*(some(lane + 1, range(WARM // AT_ONCE)) for lane in range(AT_ONCE)))
    began, each = time.process_time(), count // AT_ONCE
    await asyncio.gather(*(some(lane + 1, range(WARM, WARM + each)) for lane in range(AT_ONCE)))
    return (time.process_time() - began) / (each * AT_ONCE)


async def run(asked: Send) -> float:
    """One round on fresh connections."""
    if asked.is_ours:
        telegram = Telegram(TOKEN, asked.api)

        async def ours(chat: int, text: str) -> None:
            assert isinstance(await telegram.send(chat, parts_of(text, None)[0]), Delivered)

        try:
            return await _sent(ours, asked.count)
        finally:
            await telegram.close()
    stock = ApplicationBuilder().token(TOKEN).base_url(f"{asked.api}/bot").updater(None).build().bot

    async def theirs(chat: int, text: str) -> None:
        await stock.send_message(chat, text)

    try:
        return await _sent(theirs, asked.count)
    finally:
        await stock.shutdown()


def work(pipe: Connection) -> None:
    """What `Aside` asks for."""
    while True:
        pipe.send(uvloop.run(run(pipe.recv())))
