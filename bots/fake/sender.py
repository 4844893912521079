"""The fake Telegram's webhook: one update of a queue in flight, the next only after 2xx; queues side by side."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import httpx

from bots.fake.world import World

FIRST_WAIT_SECONDS = 0.1  # the real one begins with 2
LONGEST_WAIT_SECONDS = 2.0
ASKED_WAIT_SECONDS = 3600.0

# Messages of a chat, the buttons that a person presses, and who blocks whom are queues of their own at Telegram.
QUEUES = ("callback_query", "my_chat_member")
Queue = tuple[str, int]


class Sender:
    """Delivers while a webhook is set. `run` belongs to whoever stops it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lanes: dict[Queue, deque[dict[str, Any]]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        async with httpx.AsyncClient(timeout=20) as client, asyncio.TaskGroup() as group:
            while True:
                await self._world.arrived.wait()
                self._world.arrived.clear()
                while self._world.webhook and self._world.updates:
                    update = self._world.updates.popleft()
                    queue = queue_of(update)
                    if queue in self._lanes:
                        self._lanes[queue].append(update)
                    else:
                        self._lanes[queue] = deque([update])
                        group.create_task(self._deliver(client, queue))

    async def _deliver(self, client: httpx.AsyncClient, queue: Queue) -> None:
        lane = self._lanes[queue]
        wait = 0.0
        while lane:
            hook, asked = self._world.webhook, ""
            if not hook:  # taken away meanwhile: whoever polls gets what is left
                self._world.updates.extendleft(reversed(lane))
                break
            headers = {"x-telegram-bot-api-secret-token": hook.get("secret_token", "")}
            try:
                answer = await client.post(hook["url"], json=lane[0], headers=headers)
                self._world.last_error = None if answer.is_success else f"Wrong response: {answer.status_code}"
                asked = answer.headers.get("retry-after", "")
            except httpx.HTTPError as error:
                self._world.last_error = f"Connection failed: {error!r}"
            if self._world.last_error is None:
                lane.popleft()
                wait = 0.0
                continue
            # The first failure is repeated at once, unless we are told when.
            await asyncio.sleep(min(float(asked), ASKED_WAIT_SECONDS) if asked.isdigit() else wait)
            wait = min(LONGEST_WAIT_SECONDS, wait * 2 or FIRST_WAIT_SECONDS)
        del self._lanes[queue]


def queue_of(update: dict[str, Any]) -> Queue:
    """Which order it keeps: that of its kind in its chat, or of the person who pressed."""
    kind = next((kind for kind in QUEUES if kind in update), "message")
    if kind == "callback_query":
        return kind, int(update[kind]["from"]["id"])
    for what in update.values():
        if isinstance(what, dict) and "chat" in what:
            return kind, int(what["chat"]["id"])
    return kind, 0
