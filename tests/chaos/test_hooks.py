"""People post while all that brings events out is killed, frozen and emptied: a receiver hears everything, in order."""

from __future__ import annotations

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import UUID

import pytest
import redis

from server import ids
from server.auth.constants import Role
from server.auth.tokens import Lifetimes, Tokens
from tests.chaos.conftest import Engines
from tests.chaos.faults import (
    Fault,
    death_of_engine,
    death_of_server,
    death_of_worker,
    frost_of_engine,
    frost_of_server,
    frost_of_worker,
)
from tests.chaos.posters import PatientRest, Record, compare, keep_posting
from tests.eventually import eventually
from tests.fleet.http import Http
from tests.fleet.server import SECRET, Program, Server, helper, person, servers
from tests.hooks.installation import HURRIED
from tests.hooks.receiver import Heard, Receiver, receiver

THREADS = 8
PATIENCE_SECONDS = 120.0  # a worker that died holds its lanes for thirty, and dies more than once
REFUSED_SHARE = 0.05
PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    events: int
    rounds: int  # each has every fault once
    longest_seconds: float


SHORT = Size(events=500, rounds=1, longest_seconds=1.5)
LONG = Size(events=5000, rounds=4, longest_seconds=6.0)


def _faults(engines: Engines, server: Server, staff: Sequence[Program]) -> list[Fault]:
    def empty() -> None:
        with redis.Redis.from_url(engines.valkey.url) as client:
            client.flushall()

    async def nothing() -> None:
        return

    faults = [Fault("empty", "Valkey", empty, nothing)]
    for name, engine in (("PostgreSQL", engines.postgres), ("Valkey", engines.valkey)):
        faults += [death_of_engine(name, engine), frost_of_engine(name, engine)]
    faults += [death_of_server("server", server), frost_of_server("server", server)]
    for number, program in enumerate(staff):
        faults += [death_of_worker(f"program {number}", program), frost_of_worker(f"program {number}", program)]
    return faults


async def _threads(server: Server, one: Receiver) -> list[str]:
    """An endpoint for everything, then the threads: their opening is told, too."""
    _, admin_id = await person(server, "Ada")
    tokens = Tokens((SECRET,), Lifetimes(900, 3600))
    admin = Http("127.0.0.1", server.port, tokens.issue(UUID(admin_id), "Ada", Role.ADMIN, ids.new()))
    try:
        assert (await admin.call("POST", "/hooks", {"url": one.url()})).status == 201
        opened = [await admin.call("POST", "/chat/threads", {"kind": "room", "name": f"r{n}"}) for n in range(THREADS)]
        return [answer.body["id"] for answer in opened]
    finally:
        admin.close()


def _check(one: Receiver, threads: dict[str, list[str]]) -> None:
    """The transcript: each thread's opening and its messages, in their order; a repeat is the same event, unchanged."""
    told: dict[str, list[str]] = defaultdict(list)
    bodies: dict[str, bytes] = {}
    for heard in one.heard:
        assert bodies.setdefault(heard.id, heard.body) == heard.body
    for heard in one.first():
        is_message = heard.kind == "message.posted"
        told[heard.data["thread_id"] if is_message else heard.data["id"]].append(
            heard.data["id"] if is_message else heard.kind
        )
    assert told == {thread: ["thread.opened", *messages] for thread, messages in threads.items()}
    print(f"{len(one.heard)} requests, {len(one.taken)} taken, {len(bodies)} events")


@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "size", [pytest.param(SHORT, id="short"), pytest.param(LONG, id="long", marks=pytest.mark.long)]
)
async def test_a_receiver_hears_every_event_in_the_order_of_its_thread(engines: Engines, size: Size) -> None:
    seed = int(os.environ.get("CHAOS_SEED", random.randrange(1_000_000)))
    print(f"to see it again: CHAOS_SEED={seed}")
    chance, moods = random.Random(seed), random.Random(seed)

    def moody(_: Heard) -> int:
        return 503 if moods.random() < REFUSED_SHARE else 200

    async with (
        receiver(moody) as one,
        servers(engines.postgres.url(), engines.valkey.url, 1, **HURRIED) as (server,),
    ):
        with ExitStack() as stack:
            staff = [stack.enter_context(helper(server, word)) for word in ("work", "work", "schedule")]
            record, stop = Record(), asyncio.Event()
            threads = await _threads(server, one)
            token, _ = await person(server, "Poster")
            faults = _faults(engines, server, staff)
            async with asyncio.TaskGroup() as group:
                for number, thread in enumerate(threads):
                    mouth = PatientRest(Http("127.0.0.1", server.port, token))
                    posting = keep_posting(
                        [mouth], thread, record, stop, name=f"p{number}", pause_seconds=PAUSE_SECONDS
                    )
                    group.create_task(posting)
                for fault in [fault for _ in range(size.rounds) for fault in chance.sample(faults, len(faults))]:
                    seconds = fault.lasting(chance, size.longest_seconds)
                    print(f"{fault.kind} {fault.victim} for {seconds:.1f} s, {len(record.acknowledged)} posted")
                    await fault.happen(seconds)
                await eventually(
                    lambda: record.wrong or len(record.acknowledged) >= size.events, within=PATIENCE_SECONDS
                )
                stop.set()
            assert record.wrong == []
            rows = await compare(engines.postgres.url(), record)
            events = len(record.acknowledged) + THREADS
            await eventually(lambda: len({heard.id for heard in one.taken}) >= events, within=PATIENCE_SECONDS)
            _check(one, rows)
