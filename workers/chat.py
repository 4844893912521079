"""Who carries out the chat room's tasks: one thin function a task."""

from __future__ import annotations

from taskiq import AsyncBroker

from server.chat.insight import Insight
from server.chat.tasks import IndexMessages


def enlist(broker: AsyncBroker, insight: Insight) -> None:
    """Have this worker carry out the room's tasks."""

    async def index_messages() -> None:
        await insight.sweep()

    broker.register_task(index_messages, IndexMessages.__name__)
