"""What goes wrong on purpose: a part is killed with -9, frozen, or cut off half-open; each time it is healed again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from server.embedded.engine import Engine
from tests.chaos.conftest import Engines
from tests.fleet.server import Program, Server
from tests.fleet.wire import Wire

KINDS = ("kill", "freeze", "cut")
LONGEST_DEATH_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which one part fails; `heal` returns when the part is there again."""

    kind: str
    victim: str
    strike: Callable[[], None]
    heal: Callable[[], Awaitable[None]]

    def lasting(self, chance: random.Random, longest_seconds: float) -> float:
        """For how long, this time."""
        return chance.uniform(0.0 if self.kind == "kill" else 1.0, self._longest(longest_seconds))

    def _longest(self, longest_seconds: float) -> float:
        return LONGEST_DEATH_SECONDS if self.kind == "kill" else longest_seconds

    async def happen(self, seconds: float) -> None:
        """Strike, and heal after so long, whatever else happens."""
        self.strike()
        try:
            await asyncio.sleep(seconds)
        finally:
            await self.heal()


def faults_of(engines: Engines, fleet: Sequence[Server], wires: Sequence[Wire]) -> list[Fault]:
    """All there are: the engines first, so that a server that starts beside them finds them."""
    faults: list[Fault] = []
    for name, engine in (("PostgreSQL", engines.postgres), ("Valkey", engines.valkey)):
        faults += [death_of_engine(name, engine), frost_of_engine(name, engine)]
    for number, (server, wire) in enumerate(zip(fleet, wires, strict=True)):
        name = f"server {number}"
        faults += [death_of_server(name, server), frost_of_server(name, server), _cut(name, wire)]
    return faults


def death_of_engine(name: str, engine: Engine) -> Fault:
    """Killed with -9; it recovers from its files."""

    async def heal() -> None:
        engine.start()  # from this thread, as it has to be; the loop stands still meanwhile

    return Fault("kill", name, engine.kill, heal)


def death_of_server(name: str, server: Server) -> Fault:
    async def heal() -> None:
        server.launch()
        await server.ready()

    return Fault("kill", name, server.kill, heal)


def frost_of_engine(name: str, engine: Engine) -> Fault:
    """All its processes stand still."""
    frozen: list[int] = []

    def strike() -> None:
        _freeze(engine.pid, frozen)
        for child in _children(engine.pid):  # it can have no more of them now
            _freeze(child, frozen)

    async def heal() -> None:
        while frozen:
            os.kill(frozen.pop(), signal.SIGCONT)

    return Fault("freeze", name, strike, heal)


def frost_of_server(name: str, server: Server) -> Fault:
    async def heal() -> None:
        server.thaw()

    return Fault("freeze", name, server.freeze, heal)


def death_of_worker(name: str, worker: Program) -> Fault:
    """Killed with -9, and started again."""

    async def heal() -> None:
        worker.launch()

    return Fault("kill", name, worker.kill, heal)


def frost_of_worker(name: str, worker: Program) -> Fault:
    """It stands still, and goes on as if nothing had been."""

    async def heal() -> None:
        worker.thaw()

    return Fault("freeze", name, worker.freeze, heal)


def _freeze(pid: int, frozen: list[int]) -> None:
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        return  # a child that had just ended
    frozen.append(pid)


def _cut(name: str, wire: Wire) -> Fault:
    async def heal() -> None:
        wire.mend()

    return Fault("cut", f"{name} from Valkey", wire.cut, heal)


def _children(pid: int) -> list[int]:
    """PostgreSQL is many processes. (Where there is no /proc, only the first of them is frozen.)"""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = path.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue  # it ended meanwhile
        if int(parent) == pid:
            found.append(int(path.parent.name))
    return found
