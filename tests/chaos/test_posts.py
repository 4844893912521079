"""Two hundred people post while everything is killed with -9: nothing acknowledged is lost, doubled or out of place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from tests.chaos.conftest import Engines
from tests.chaos.posters import Record, Rest, compare, keep_posting
from tests.eventually import eventually
from tests.fleet.http import Http
from tests.fleet.server import Server, person, servers

POSTERS = 200
ROOMS = 10
SETTLED = 400  # posts acknowledged between two faults: everybody posted again
FELT = 30  # refusals or broken connections that show that a fault was noticed
PATIENCE_SECONDS = 60.0


async def _until(count: Callable[[], int], more: int, record: Record) -> None:
    goal = count() + more
    await eventually(lambda: count() >= goal or bool(record.wrong), within=PATIENCE_SECONDS)


def _mouths(pair: list[Server], token: str, number: int) -> list[Rest]:
    """Half of the people begin with the other server."""
    return [Rest(Http("127.0.0.1", server.port, token)) for server in pair[number % 2 :] + pair[: number % 2]]


async def _rooms(server: Server, token: str) -> list[str]:
    server.http.token = token
    answers = [await server.http.call("POST", "/chat/threads", {"kind": "room", "name": f"r{n}"}) for n in range(ROOMS)]
    return [answer.body["id"] for answer in answers]


async def _play(engines: Engines, pair: list[Server], record: Record, rounds: int) -> None:
    """Each round kills each part once, and goes on when everybody posts again."""
    settled = partial(len, record.acknowledged)
    for round_ in range(rounds):
        await _until(settled, SETTLED, record)
        engines.postgres.kill()
        await _until(lambda: record.refused, FELT, record)
        engines.postgres.start()
        await _until(settled, SETTLED, record)
        engines.valkey.kill()
        await _until(settled, SETTLED, record)  # Valkey carries news only: posting goes on without it
        engines.valkey.start()
        victim = pair[round_ % 2]
        victim.kill()
        await _until(lambda: record.broken, FELT, record)
        victim.launch()
        await _until(settled, SETTLED, record)
        await victim.ready()


@pytest.mark.chaos
@pytest.mark.parametrize("rounds", [pytest.param(2, id="short"), pytest.param(8, id="long", marks=pytest.mark.long)])
async def test_nothing_acknowledged_is_lost_doubled_or_out_of_place(engines: Engines, rounds: int) -> None:
    record, stop = Record(), asyncio.Event()
    async with servers(engines.postgres.url(), engines.valkey.url, 2) as pair:
        tokens = [(await person(pair[0]))[0] for _ in range(20)]
        rooms = await _rooms(pair[0], tokens[0])
        posters = [
            asyncio.create_task(
                keep_posting(_mouths(pair, tokens[n % len(tokens)], n), rooms[n % ROOMS], record, stop, name=f"p{n}")
            )
            for n in range(POSTERS)
        ]
        try:
            await _play(engines, pair, record, rounds)
        finally:
            stop.set()
            await asyncio.gather(*posters)
        assert not record.wrong, "\n".join([*record.wrong[:3], *(line for server in pair for line in server.errors())])
        await compare(engines.postgres.url(), record)
