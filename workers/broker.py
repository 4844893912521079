"""A worker process: takes tasks from the stream and carries them out, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from server.config import Settings
from server.logging import configure, named
from workers.carrier import AT_ONCE, Carrier
from workers.duties import Duties, duties
from workers.duty import Duty
from workers.intake import LEASE_SECONDS, Intake
from workers.office import Office

CONNECTIONS = 4
AWAY_SECONDS = 2.0

log = named("worker")


async def run(settings: Settings, duties: Duties = duties, *, lease_seconds: float = LEASE_SECONDS) -> None:
    """Work until SIGTERM or SIGINT. Whatever is cut short is given back to the stream."""
    stopped = asyncio.Event()
    intake = Intake(settings.redis, at_once=AT_ONCE, lease_seconds=lease_seconds)

    def leave() -> None:
        intake.stop_taking()
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, leave)
    async with Office(settings, CONNECTIONS) as office:
        for duty in duties(office):
            intake.register_task(_carried(duty), duty.task.__name__)
        await intake.startup()
        try:
            await _hear(intake, stopped)
        finally:
            await intake.shutdown()


def main() -> None:
    """`parley work`."""
    settings = Settings()
    configure(settings.log_level, settings.log_format)
    uvloop.run(run(settings))


async def _hear(intake: Intake, stopped: asyncio.Event) -> None:
    """Carry out what the intake brings until told to stop.

    Not by taskiq's own `run_receiver_task`, which can only be stopped by a cancellation, of which it warns.
    """
    while not stopped.is_set():
        carrier = Carrier(intake)
        try:
            await carrier.listen(stopped)
        except Exception:  # a fault of the machinery: what was held is settled, and it begins again
            log.exception("worker_stumbled")
            await asyncio.sleep(AWAY_SECONDS)
        finally:
            await carrier.leave()


def _carried(duty: Duty) -> Callable[..., Awaitable[None]]:
    """As taskiq takes it: a function, not a method, whose result is none."""

    async def carry(**fields: Any) -> None:
        await duty.carry(**fields)

    return carry
