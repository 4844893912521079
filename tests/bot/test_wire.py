"""What a failed call says of the message: surely not sent, or nobody knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from server.bot.client import Telegram
from server.bot.outcomes import Delivered, Later, Outcome, Unclear
from server.bot.parts import parts_of
from tests.bot.town import TOKEN

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TAKEN = b'{"ok":true,"result":{"message_id":7,"date":1,"chat":{"id":5,"type":"private"}}}'


@asynccontextmanager
async def somewhere(behave: Behaviour) -> AsyncIterator[str]:
    """A server that behaves so, at this address."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await behave(reader, writer)
        writer.close()

    async with await asyncio.start_server(meet, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def sent(api: str, times: int = 1, *, is_paid: bool = False) -> list[Outcome]:
    telegram = Telegram(TOKEN, api, is_paid=is_paid)
    try:
        return [await telegram.send(5, parts_of("hello", None)[0]) for _ in range(times)]
    finally:
        await telegram.close()


async def test_where_nobody_listens_nothing_was_sent() -> None:
    (outcome,) = await sent("http://127.0.0.1:1")
    assert isinstance(outcome, Later)
    assert not outcome.is_for_all


async def hangs_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def breaks_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")


async def talks_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"good day\r\n\r\n")


@pytest.mark.parametrize("behave", [hangs_up, breaks_off, talks_nonsense])
async def test_after_the_request_has_left_nobody_knows(behave: Behaviour) -> None:
    async with somewhere(behave) as api:
        (outcome,) = await sent(api)
    assert isinstance(outcome, Unclear)
    assert TOKEN not in outcome.reason


async def test_one_connection_carries_one_call_after_another() -> None:
    met = list[int]()
    said = list[bytes]()

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(1)
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            said.append(await reader.readexactly(length))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(TAKEN) + TAKEN)
            if len(said) == 4:
                return

    async with somewhere(answers) as api:
        assert await sent(api, 2) == [Delivered(7), Delivered(7)]
        assert await sent(api, 2, is_paid=True) == [Delivered(7), Delivered(7)]
    assert len(met) == 2
    assert [b"allow_paid_broadcast" in each for each in said] == [False, False, True, True]
