"""Keeps programs and engines running: starts again what ends, a little later each time, and stops all in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Protocol

from server.config import Misconfigured
from server.embedded.door import Door
from server.embedded.process import Process
from server.embedded.signals import Signals
from server.logging import named

FIRST_DELAY_SECONDS = 0.25
LONGEST_DELAY_SECONDS = 10.0
SETTLED_SECONDS = 30.0  # who ran so long did not fail at its start: the next delay is short again
TRIES_BEFORE_READY = 2  # what has never worked will not work by being repeated
MISCONFIGURED = 2  # a child's exit code: nothing changes before a person has changed a setting
POLL_SECONDS = 0.1
IDLE_SECONDS = 5.0

log = named("supervisor")


class NotStarting(Exception):
    """A program ended again and again before everything was ready; its own words stand above."""


class Ward(Protocol):
    """What is kept running: an engine, or one of our programs."""

    @property
    def name(self) -> str: ...
    @property
    def pid(self) -> int: ...
    def start(self) -> None: ...


class Charge:
    """One ward's record: since when it runs, how often it failed in a row, when it is to start again."""

    def __init__(self, ward: Ward) -> None:
        self.ward = ward
        self.failures = 0
        self.started_at = time.monotonic()
        self.due_at: float | None = None

    def look(self, now: float) -> None:
        """Note an end, and start what is due."""
        if self.due_at is None and not self.ward.pid:
            self.failures = 1 if now - self.started_at > SETTLED_SECONDS else self.failures + 1
            delay = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** (self.failures - 1))
            log.warning("ended", program=self.ward.name, failures=self.failures, again_in_seconds=delay)
            self.due_at = now + delay
        if self.due_at is not None and now >= self.due_at:
            self.due_at = None
            self.started_at = now
            self.ward.start()


class Supervisor:
    """Holds processes, started in the given order, and looks after engines that somebody else has started."""

    def __init__(self, signals: Signals, door: Door, processes: Sequence[Process], engines: Sequence[Ward]) -> None:
        self._signals = signals
        self._door = door
        self._processes = tuple(processes)
        self._charges = [Charge(ward) for ward in (*engines, *processes)]

    def run(self, announce: Callable[[], None], take_leave: Callable[[], None], drain_seconds: float) -> None:
        """Start everything, announce once when it is ready, return when told to stop and all processes have ended.

        Takes leave once, when told to stop.
        Misconfigured when a program says so, NotStarting when one ends again and again before all was ready.
        """
        ready = False
        try:
            for process in self._processes:
                process.start()
            while not self._signals.stop:
                self._signals.wait(IDLE_SECONDS if ready and not self._waiting() else POLL_SECONDS)
                self._look(ready)
                if not ready and not self._signals.stop and self._door.is_ready():
                    ready = True
                    announce()
            take_leave()
        finally:
            self._stop(drain_seconds)

    def _waiting(self) -> bool:
        return any(charge.due_at is not None for charge in self._charges)

    def _look(self, ready: bool) -> None:
        if self._signals.stop:
            return
        for charge in self._charges:
            charge.look(time.monotonic())
            if isinstance(charge.ward, Process) and charge.due_at and charge.ward.exit_code == MISCONFIGURED:
                raise Misconfigured(f"`{charge.ward.name}` cannot work as it is configured; it said why")
            if not ready and charge.failures >= TRIES_BEFORE_READY:
                raise NotStarting(f"`{charge.ward.name}` does not start")

    def _stop(self, drain_seconds: float) -> None:
        """The last first; those of one name together, since each may take its time to let go of its callers."""
        self._door.close()  # whoever knocks now is refused at once, instead of waiting for nobody
        for _, group in groupby(reversed(self._processes), key=lambda process: process.name):
            together = list(group)
            for process in together:
                process.ask_to_stop()
            for process in together:
                process.stop(drain_seconds)
