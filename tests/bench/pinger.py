"""Somebody who asks again and again whether anybody is there, in a process of its own, and writes down each wait."""

from __future__ import annotations

import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

from tests.bench import wire
from tests.bench.line import READ_BYTES, Line, Seat

PAUSE_SECONDS = 0.003
ASK = wire.commands({"id": 9, "ping": {}})
ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask for so long; answered with the waits in seconds."""

    port: int
    seat: Seat
    seconds: float


def work(pipe: Connection) -> None:
    """Ask whenever told to."""
    while True:
        question: Ping = pipe.recv()
        line = Line(question.seat, question.port)
        line.sit_down()
        line.socket.settimeout(ANSWER_SECONDS)
        pipe.send(_waits(line, question.seconds))
        line.close()


def _waits(line: Line, seconds: float) -> list[float]:
    waits: list[float] = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        line.send(ASK)
        assert line.receive(READ_BYTES)
        waits.append(time.perf_counter() - began)
        time.sleep(PAUSE_SECONDS)
    return waits
