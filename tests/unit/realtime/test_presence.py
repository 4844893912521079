"""What presence says of whom, without the Redis in which it is kept."""

from __future__ import annotations

import asyncio

import pytest

from server.realtime import news
from server.realtime.presence import Presence
from server.realtime.seam import Identity, Motion

ANN = b'{"user":"ann","client":"c1"}'
LIKES_TEA = b'{"user":"ann","client":"c1","conn_info":{"likes":"tea"}}'


@pytest.mark.parametrize(("info", "said"), [(b"", ANN), (b'{"likes":"tea"}', LIKES_TEA)])
async def test_who_comes_and_goes_is_told_with_what_is_known_of_them(info: bytes, said: bytes) -> None:
    told: list[tuple[str, bytes]] = []
    presence = Presence("redis://nowhere", lambda channel, payload: told.append((channel, payload)))
    presence.arrive("thread:1", "c1", Identity("ann", info=info))
    presence.depart("thread:1", "c1")
    presence.depart("thread:1", "c1")  # is gone already
    await asyncio.sleep(0)  # they are told together
    heard = [(channel, *news.read(payload)) for channel, payload in told]
    assert heard == [("thread:1", "", [Motion(said, True), Motion(said, False)])]
