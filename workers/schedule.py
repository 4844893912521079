"""The sweeps: what is due in PostgreSQL is done within a second. Any number of these processes may run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

import uvloop

from server.config import Settings
from server.errors import Unavailable
from server.logging import configure, named
from workers.duties import Duties, duties
from workers.office import Office

TICK_SECONDS = 0.5
SWEEP_SECONDS = 60.0  # longer is a hang: the sweep is cut, and what it has not committed is done by the next one
LEAVE_SECONDS = 5.0
CUT_SECONDS = 1.0
CONNECTIONS = 32  # made when needed: one for each sweep, so that none waits for another's
AWAY_SECONDS = 2.0  # between tries while PostgreSQL does not answer

log = named("schedule")


async def sweep_until(
    stopped: asyncio.Event, sweep: Callable[[], Awaitable[int]], *, longest_seconds: float = SWEEP_SECONDS
) -> None:
    """Sweep every half second until told to stop; one failed sweep is logged, the next one makes it good."""
    name = getattr(sweep, "__qualname__", repr(sweep))
    while not stopped.is_set():
        pause = TICK_SECONDS
        try:
            async with asyncio.timeout(longest_seconds) as patience:
                done = await sweep()
            if done:
                log.debug("swept", sweep=name, rows=done)
        except Unavailable as error:
            pause = AWAY_SECONDS
            log.warning("sweep_waits", sweep=name, reason=error.detail)
        except Exception:
            pause = AWAY_SECONDS
            log.exception("sweep_hangs" if patience.expired() else "sweep_failed", sweep=name)
        try:
            await asyncio.wait_for(stopped.wait(), pause)
        except TimeoutError:
            continue


async def run(settings: Settings, duties: Duties = duties) -> None:
    """Sweep until SIGTERM or SIGINT; what is under way is finished if that takes a few seconds, else cut."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with Office(settings, CONNECTIONS) as office:
        sweeps = [duty.sweep for duty in duties(office) if duty.sweep is not None]
        tasks = [asyncio.create_task(sweep_until(stopped, sweep), name="sweep") for sweep in sweeps]
        await stopped.wait()
        _, late = await asyncio.wait(tasks, timeout=LEAVE_SECONDS)
        for task in late:
            task.cancel()
        if late:
            log.warning("sweeps_cut", sweeps=len(late), remedy="none: the next scheduler sweeps for the same rows")
            await asyncio.wait(late, timeout=CUT_SECONDS)


def main() -> None:
    """`parley schedule`."""
    settings = Settings()
    configure(settings.log_level, settings.log_format)
    uvloop.run(run(settings))
