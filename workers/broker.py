"""A worker process: takes tasks from the stream and carries them out, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal

import uvloop
from taskiq.api import run_receiver_task

from server.chat.insight import Insight
from server.config import Settings
from server.database import Database
from server.logging import configure
from server.queue import stream
from workers import chat

AT_ONCE = 20
LEAVE_SECONDS = 5.0


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT. Whatever is cut short is a row that a sweep finds again."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    database = Database(settings.database, connections=4)
    await database.open()
    broker = stream(settings.redis)
    chat.enlist(broker, Insight(database))
    work = asyncio.create_task(run_receiver_task(broker, max_async_tasks=AT_ONCE, run_startup=True))
    told = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait([work, told], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()  # the stream broke: end with its error, and be started again
    finally:
        for task in (work, told):
            task.cancel()
        await asyncio.wait([work, told], timeout=LEAVE_SECONDS)
        await broker.shutdown()
        await database.close()


def main() -> None:
    """`parley work`."""
    settings = Settings()
    configure(settings.log_level, settings.log_format)
    uvloop.run(run(settings))
