"""Bytes that no client sends on purpose, on real sockets: whoever sends them may be cut, nobody else notices."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator

import pytest
from websockets.frames import Frame, Opcode

from server.realtime.handshake import PATH
from tests.realtime.test_endpoint import asked, dialled
from tests.realtime.town import House, house

KINDS = range(24)
EACH = 25
AT_ONCE = 8
ANSWER_SECONDS = 10.0
UPGRADE = (
    f"GET {PATH} HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
).encode()
SPOKEN = [
    b'{"id":1,"connect":{"token":"ann"}}',
    b'{"id":2,"subscribe":{"channel":"thread:1","recover":true,"offset":18446744073709551615}}',
    b'{"id":3,"publish":{"channel":"thread:evil","data":' + b"[" * 900,
    b'{"id":4,"rpc":{"method":"whoami","data":{"a":"\\ud800"}}}',
    b"\n\n",
    b"{}",
    b"\xff\xfe",
]


@pytest.fixture
async def home(redis_url: str) -> AsyncIterator[House]:
    async with house(redis_url) as opened:
        yield opened


def hostile(dice: random.Random) -> list[bytes]:
    """Pieces to be written one after the other: an upgrade and frames, with accidents in both."""
    some = [
        Frame(dice.choice([*Opcode]), dice.choice([*SPOKEN, dice.randbytes(dice.randrange(120))]), dice.random() < 0.8)
        for _ in range(dice.randrange(1, 6))
    ]
    pieces = [_serialized(each, dice) for each in some]
    for _ in range(dice.randrange(3)):
        at = dice.randrange(len(pieces))
        cut = dice.randrange(len(pieces[at]) + 1)
        pieces[at] = pieces[at][:cut] + dice.randbytes(dice.randrange(4)) + pieces[at][cut + dice.randrange(3) :]
    upgrade = UPGRADE
    if dice.random() < 0.2:
        cut = dice.randrange(len(UPGRADE))
        upgrade = UPGRADE[:cut] + dice.randbytes(dice.randrange(1, 5)) + UPGRADE[cut + dice.randrange(3) :]
    return [upgrade, *pieces]


def _serialized(frame: Frame, dice: random.Random) -> bytes:
    """As it would travel; control frames are made lawful here, so that more than the first check is reached."""
    if frame.opcode >= Opcode.CLOSE:
        frame.fin, frame.data = True, bytes(frame.data)[:125]
    if frame.opcode is Opcode.CLOSE and dice.random() < 0.5:
        frame.data = b"\x03\xe8"
    return frame.serialize(mask=dice.random() < 0.9)


async def attack(home: House, seed: object) -> None:
    """One such connection, from its beginning to its end."""
    dice = random.Random(repr(seed))
    reader, writer = await asyncio.open_connection("127.0.0.1", home.port)
    try:
        for number, piece in enumerate(hostile(dice)):
            writer.write(piece)
            if number == 0 or dice.random() < 0.5:
                await writer.drain()
                await asyncio.sleep(0)
        if dice.random() < 0.5:
            writer.write_eof()
        async with asyncio.timeout(0.05):  # whatever comes back
            while await reader.read(4096):
                pass
    except (OSError, TimeoutError):
        pass
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("kind", KINDS)
async def test_hostile_bytes_touch_nobody_else(home: House, kind: int, caplog: pytest.LogCaptureFixture) -> None:
    faults: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: faults.append(context))
    begun = asyncio.Semaphore(AT_ONCE)

    async def one(seed: object) -> None:
        async with begun:
            await attack(home, seed)

    try:
        async with dialled(home, "bob") as good, asyncio.timeout(60):
            assert "subscribe" in await asked(good, id=2, subscribe={"channel": "thread:good"})
            attacks = [asyncio.create_task(one((kind, each))) for each in range(EACH)]
            for number in range(EACH):
                reply = await asked(good, id=number + 3, rpc={"method": "whoami", "data": number})
                assert reply["rpc"]["data"] == {"name": "bob", "sent": number}
            await asyncio.gather(*attacks)
            reply = await asked(good, id=99, rpc={"method": "whoami", "data": "still here"})
            assert json.dumps(reply["rpc"]["data"]["sent"]) == '"still here"'
    finally:
        loop.set_exception_handler(None)
    assert faults == []
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []
