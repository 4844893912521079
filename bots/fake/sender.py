"""The fake Telegram's webhook: one update of a chat in flight, the next only after 2xx; chats side by side."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import httpx

from bots.fake.world import World

FIRST_WAIT_SECONDS = 0.1  # the real one begins with 2
LONGEST_WAIT_SECONDS = 2.0


class Sender:
    """Delivers while a webhook is set. `run` belongs to whoever stops it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lanes: dict[int, deque[dict[str, Any]]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        async with httpx.AsyncClient(timeout=20) as client, asyncio.TaskGroup() as group:
            while True:
                await self._world.arrived.wait()
                self._world.arrived.clear()
                while self._world.webhook and self._world.updates:
                    update = self._world.updates.popleft()
                    chat = _chat(update)
                    if chat in self._lanes:
                        self._lanes[chat].append(update)
                    else:
                        self._lanes[chat] = deque([update])
                        group.create_task(self._deliver(client, chat))

    async def _deliver(self, client: httpx.AsyncClient, chat: int) -> None:
        lane = self._lanes[chat]
        wait = 0.0
        while lane:
            hook = self._world.webhook
            headers = {"x-telegram-bot-api-secret-token": hook.get("secret_token", "")}
            try:
                answer = await client.post(hook["url"], json=lane[0], headers=headers)
                self._world.last_error = None if answer.is_success else f"Wrong response: {answer.status_code}"
            except httpx.HTTPError as error:
                self._world.last_error = f"Connection failed: {error!r}"
            if self._world.last_error is None:
                lane.popleft()
                wait = 0.0
                continue
            await asyncio.sleep(wait)  # the first failure is repeated at once
            wait = min(LONGEST_WAIT_SECONDS, wait * 2 or FIRST_WAIT_SECONDS)
        del self._lanes[chat]


def _chat(update: dict[str, Any]) -> int:
    for what in update.values():
        if isinstance(what, dict) and "chat" in what:
            return int(what["chat"]["id"])
    return 0
