"""Presence over a real Valkey: a node that dies is spoken for, and one that only slept speaks up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from server import ids
from server.realtime import news, presence
from server.realtime.presence import Presence
from server.realtime.seam import Identity, Motion
from tests.eventually import eventually

BOB = Identity("bob")
CAME = Motion(b'{"user":"bob","client":"c1"}', True)
WENT = Motion(b'{"user":"bob","client":"c1"}', False)


class Half:
    """One node's half of it, and what it told of the channel of the test."""

    def __init__(self, url: str, channel: str) -> None:
        self.channel = channel
        self.told: list[object] = []
        self.presence = Presence(url, self._tell)
        self._keeping = asyncio.create_task(self.presence.keep())

    def _tell(self, channel: str, payload: bytes) -> None:
        if channel == self.channel:
            self.told += news.read(payload)[1]

    def stop(self) -> None:
        """Neither beat nor write any more, and say no word about it."""
        self._keeping.cancel()

    def go_on(self) -> None:
        self._keeping = asyncio.create_task(self.presence.keep())


@pytest.fixture
async def halves(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Half, Half]]:
    """Two nodes, hasty in what they do now and then; bob listens at the second."""
    monkeypatch.setattr(presence, "LEASE_SECONDS", 0.5)
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.1)
    channel = f"thread:{ids.new()}"
    both = Half(redis_url, channel), Half(redis_url, channel)
    both[1].presence.arrive(channel, "c1", BOB)
    await eventually(lambda: is_there(both[0]))
    yield both
    for half in both:
        half.stop()
        await half.presence.close()


async def is_there(half: Half) -> bool:
    """Whether bob is seen from here."""
    return "c1" in await half.presence.of(half.channel)


async def test_who_was_on_a_dead_node_is_said_to_be_gone(halves: tuple[Half, Half]) -> None:
    here, there = halves
    there.stop()
    await eventually(lambda: here.told == [WENT])
    assert not await is_there(here)


async def test_a_node_that_only_slept_puts_its_clients_back(halves: tuple[Half, Half]) -> None:
    here, there = halves
    there.stop()
    await eventually(lambda: here.told == [WENT])
    there.go_on()
    await eventually(lambda: there.told == [CAME, CAME])
    await eventually(lambda: is_there(here))
