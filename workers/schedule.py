"""The sweeps: what is due in PostgreSQL is done within a second. Any number of these processes may run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

import uvloop

from server.config import Settings
from server.errors import Unavailable
from server.logging import configure, named
from workers.duties import duties
from workers.office import Office

TICK_SECONDS = 0.5
CONNECTIONS = 4
AWAY_SECONDS = 2.0  # between tries while PostgreSQL does not answer

log = named("schedule")


async def sweep_until(stopped: asyncio.Event, sweep: Callable[[], Awaitable[int]]) -> None:
    """Sweep every half second until told to stop; one failed sweep is logged, the next one makes it good."""
    while not stopped.is_set():
        pause = TICK_SECONDS
        try:
            done = await sweep()
            if done:
                log.debug("swept", rows=done)
        except Unavailable as error:
            pause = AWAY_SECONDS
            log.warning("sweep_waits", reason=error.detail)
        except Exception:
            pause = AWAY_SECONDS
            log.exception("sweep_failed")
        try:
            await asyncio.wait_for(stopped.wait(), pause)
        except TimeoutError:
            continue


async def run(settings: Settings) -> None:
    """Sweep until SIGTERM or SIGINT; what is under way is finished."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with Office(settings, CONNECTIONS) as office:
        sweeps = [duty.sweep for duty in duties(office) if duty.sweep is not None]
        await asyncio.gather(*(sweep_until(stopped, sweep) for sweep in sweeps))


def main() -> None:
    """`parley schedule`."""
    settings = Settings()
    configure(settings.log_level, settings.log_format)
    uvloop.run(run(settings))
