"""A worker process: takes tasks from the stream and carries them out, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from taskiq import AsyncBroker
from taskiq.receiver import Receiver

from server.config import Settings
from server.logging import configure, named
from server.queue import stream
from workers.duties import duties
from workers.duty import Duty
from workers.office import Office

AT_ONCE = 20
CONNECTIONS = 4
LEAVE_SECONDS = 5.0
AWAY_SECONDS = 2.0  # between tries while Redis does not answer
REMEDY = "start Redis or Valkey, or correct REDIS_URL; the scheduler's sweeps do the work meanwhile"

log = named("worker")


async def hear(broker: AsyncBroker, stopped: asyncio.Event) -> None:
    """Take tasks until told to stop. Without Redis nothing is lost, and nothing taken: every task is a row, too.

    Not by taskiq's own `run_receiver_task`: while Redis is away it tries thousands of times a second, with a
    traceback each, and it can only be stopped by a cancellation, of which it warns.
    """
    is_away = False
    while not stopped.is_set():
        try:
            await broker.startup()
            if is_away:
                log.info("tasks_heard_again")
            is_away = False
            receiver = Receiver(broker, max_async_tasks=AT_ONCE, run_startup=False, wait_tasks_timeout=LEAVE_SECONDS)
            await receiver.listen(stopped)
        except Exception as error:  # whatever breaks the stream, it is listened to again
            if not is_away:
                log.warning("tasks_not_heard", why=str(_first(error)), remedy=REMEDY)
            is_away = True
            await _pause(stopped)


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT. Whatever is cut short is a row that a sweep finds again."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    broker = stream(settings.redis)
    async with Office(settings, CONNECTIONS) as office:
        for duty in duties(office):
            broker.register_task(_carried(duty), duty.task.__name__)
        try:
            await hear(broker, stopped)
        finally:
            await broker.shutdown()


def main() -> None:
    """`parley work`."""
    settings = Settings()
    configure(settings.log_level, settings.log_format)
    uvloop.run(run(settings))


def _carried(duty: Duty) -> Callable[..., Awaitable[None]]:
    """As taskiq takes it: a function, not a method, whose result is none."""

    async def carry(**fields: Any) -> None:
        await duty.carry(**fields)

    return carry


async def _pause(stopped: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stopped.wait(), AWAY_SECONDS)
    except TimeoutError:
        return


def _first(error: BaseException) -> BaseException:
    """The error itself; task groups wrap it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
