"""People ask while workers and Valkey are killed with -9: every question gets one answer, or one person called."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from tests.chaos.conftest import Engines
from tests.eventually import eventually
from tests.fleet.http import Http
from tests.fleet.server import Program, Server, helper, person, servers

SURE = "What are the opening hours of your shop?"
STRANGE = "Why does the moon look larger at the horizon?"
ARTICLE = "key,language,title,text\nhours,en,Opening hours,Our shop is open from Monday to Friday.\n"
PATIENCE_SECONDS = 120.0  # a worker that died holds its lease for ten, and the next one has to start


@dataclass
class Record:
    """The questions that were asked, and how many have their reply."""

    people: int
    asked: dict[str, str] = field(default_factory=dict)  # what was asked, by the message's id
    replied: int = 0


async def _answered(http: Http, body: Any, record: Record) -> Any:
    """The message with its reply, asked for again and again: the same client_id is the same message."""

    async def found() -> Any:
        answer = await http.call("POST", "/chat/send?wait=10", body)
        assert answer.status in (200, 201), answer
        record.asked[answer.body["id"]] = body["text"]
        return answer.body if answer.body["reply"] else None

    return await eventually(found, within=PATIENCE_SECONDS)


async def _keep_asking(server: Server, token: str, record: Record, stop: asyncio.Event) -> None:
    """One question after another, each when the one before has its reply; at last one that nobody can answer."""
    http = Http("127.0.0.1", server.port, token)
    try:
        for number in itertools.count():
            is_last = stop.is_set()
            body = {"text": STRANGE if is_last else SURE, "client_id": str(number)}
            asked = await _answered(http, body, record)
            reply = asked["reply"]
            assert reply["reply_to"] == asked["id"]
            record.replied += 1
            assert reply["payload"]["assistant"]["path"] == ("unsure" if is_last else "answer"), reply
            if is_last:
                return
    finally:
        http.close()


async def _play(engines: Engines, workers: list[Program], record: Record, rounds: int) -> None:
    """Each round kills each worker once, and Valkey, and goes on when people are answered again."""

    async def settled() -> None:
        goal = record.replied + record.people
        await eventually(lambda: record.replied >= goal, within=PATIENCE_SECONDS)

    for _ in range(rounds):
        for worker in workers:
            await settled()
            worker.kill()
            worker.launch()
        await settled()
        engines.valkey.kill()
        await settled()  # the sweeps do without
        engines.valkey.start()


async def _knowing(server: Server, url: str) -> None:
    token, operator = await person(server, "Olga")
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE users SET role = 'operator', changed_at = now() WHERE id = $1", operator)
    await connection.close()
    server.http.token = token

    async def imported() -> bool:
        body = {"files": [{"name": "a.csv", "content": ARTICLE}]}
        return (await server.http.call("POST", "/assistant/imports", body)).status == 200

    await eventually(imported, within=PATIENCE_SECONDS)


async def _compare(url: str, record: Record) -> None:
    """The rows: one reply to each question and to nothing else, one decision each, and the last one called a person."""
    connection = await asyncpg.connect(url)
    try:
        replies = await connection.fetch("SELECT reply_to FROM messages WHERE author_kind = 'assistant'")
        decisions = await connection.fetch("SELECT question_id, reply_id, finished_at FROM decisions")
        waiting = await connection.fetchval("SELECT count(*) FROM threads WHERE waiting_since IS NOT NULL")
    finally:
        await connection.close()
    counted = Counter(str(row["reply_to"]) for row in replies)
    assert counted == dict.fromkeys(record.asked, 1)
    assert {str(row["question_id"]) for row in decisions} == set(record.asked)
    assert all(row["reply_id"] and row["finished_at"] for row in decisions)
    assert waiting == record.people


@pytest.mark.chaos
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("people", "rounds"), [pytest.param(12, 1, id="short"), pytest.param(100, 6, id="long", marks=pytest.mark.long)]
)
async def test_every_question_gets_one_answer_or_one_person(engines: Engines, people: int, rounds: int) -> None:
    record, stop = Record(people), asyncio.Event()
    url = engines.postgres.url()
    async with servers(url, engines.valkey.url, 1) as (server,):
        await _knowing(server, url)
        tokens = [(await person(server))[0] for _ in range(people)]
        with ExitStack() as stack:
            workers = [stack.enter_context(helper(server, command)) for command in ("work", "work", "schedule")]
            asking = [asyncio.create_task(_keep_asking(server, token, record, stop)) for token in tokens]
            try:
                await _play(engines, workers, record, rounds)
            finally:
                stop.set()
                ends = await asyncio.gather(*asking, return_exceptions=True)
            assert ends == [None] * people

            async def is_settled() -> bool:
                connection = await asyncpg.connect(url)
                try:
                    open_ends = await connection.fetchval("SELECT count(*) FROM decisions WHERE finished_at IS NULL")
                    return int(open_ends) == 0
                finally:
                    await connection.close()

            await eventually(is_settled, within=PATIENCE_SECONDS)
        await _compare(url, record)
