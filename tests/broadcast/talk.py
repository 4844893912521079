"""People who are answered while a campaign runs: how long an answer takes to them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial

from bots.fake.world import World
from tests.eventually import eventually
from tests.fleet.http import Http

BETWEEN_SECONDS = 1.1  # a chat takes one message a second
PATIENCE_SECONDS = 20.0


async def waits(world: World, mouths: Mapping[int, tuple[Http, str]], rounds: int) -> list[float]:
    """In each chat, through its own connection and in its thread, so many answers; the seconds until each arrived."""

    async def talk(chat: int, http: Http, thread: str) -> list[float]:
        found = []
        for number in range(rounds):
            words, asked = f"answer {number}", time.monotonic()
            said = await http.call("POST", "/chat/send", {"thread_id": thread, "text": words})
            assert said.status == 201, said.body
            arrived = await eventually(partial(_arrived, world, chat, words), within=PATIENCE_SECONDS)
            found.append(arrived - asked)
            await asyncio.sleep(BETWEEN_SECONDS)
        return found

    answered = await asyncio.gather(*(talk(chat, *mouth) for chat, mouth in mouths.items()))
    return sorted(wait for one in answered for wait in one)


def _arrived(world: World, chat: int, words: str) -> float | None:
    return next((one.at for one in reversed(world.sent[chat]) if one.text == words), None)


def share(sorted_waits: Sequence[float], part: float) -> float:
    """The wait that so large a part of them does not exceed."""
    return sorted_waits[min(len(sorted_waits) - 1, int(len(sorted_waits) * part))]
