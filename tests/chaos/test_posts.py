"""Two hundred people post while everything is killed with -9: nothing acknowledged is lost, doubled or out of place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import asyncpg
import pytest

from tests.chaos.conftest import Engines
from tests.chaos.posters import Record, keep_posting, threads_of
from tests.chat.writing import written
from tests.eventually import eventually
from tests.fleet.server import Server, person, servers

POSTERS = 200
ROOMS = 10
SETTLED = 400  # posts acknowledged between two faults: everybody posted again
FELT = 30  # refusals or broken connections that show that a fault was noticed
PATIENCE_SECONDS = 60.0


async def _until(count: Callable[[], int], more: int, record: Record) -> None:
    goal = count() + more
    await eventually(lambda: count() >= goal or bool(record.wrong), within=PATIENCE_SECONDS)


def _from(pair: list[Server], number: int) -> list[Server]:
    """Half of the people begin with the other server."""
    return pair[number % 2 :] + pair[: number % 2]


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
                keep_posting(_from(pair, n), tokens[n % len(tokens)], rooms[n % ROOMS], record, f"p{n}", stop)
            )
            for n in range(POSTERS)
        ]
        try:
            await _play(engines, pair, record, rounds)
        finally:
            stop.set()
            await asyncio.gather(*posters)
        assert not record.wrong, "\n".join([*record.wrong[:3], *(line for server in pair for line in server.errors())])
        await _compare(engines.postgres.url(), record)


async def _compare(url: str, record: Record) -> None:
    """The rows are what people were told: each message once, at its place, and no message that nobody sent."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch('SELECT thread_id, client_id, id, number, "offset" FROM messages')
    finally:
        await connection.close()
    kept = {(str(row["thread_id"]), row["client_id"]): (str(row["id"]), row["number"], row["offset"]) for row in rows}
    assert len(kept) == len(rows)
    assert kept == record.acknowledged
    for thread in threads_of(record):
        await written(url, thread)
