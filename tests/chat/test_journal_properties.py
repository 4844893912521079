"""The journal under any order of posts, reposts and cuts: nothing acknowledged is lost, doubled or out of place."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server import ids
from server.chat.journal import Journal, Posted
from server.errors import Unavailable
from tests.chat.writing import draft, journals, new_threads, written

AUTHORS = [ids.new() for _ in range(2)]

posts = st.tuples(
    st.just("post"),
    st.integers(0, 1),  # which process
    st.integers(0, 1),  # which thread
    st.integers(0, 1),  # which author
    st.integers(0, 5),  # which client_id
)
steps = st.lists(st.one_of(posts, st.just(("cut",)), st.just(("rest",))), min_size=1, max_size=40)


async def _persistently(journal: Journal, thread: UUID, author: UUID, client_id: str) -> Posted:
    """A client as the protocol asks for one: told that nobody knows, it posts again with the same client_id."""
    while True:
        try:
            return await journal.post(draft(thread, author=author, client_id=client_id))
        except Unavailable:
            continue


async def _cut(url: str) -> None:
    admin = await asyncpg.connect(url)
    try:
        await admin.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'parley journal' AND datname = current_database()"
        )
    finally:
        await admin.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=steps)
async def test_any_interleaving_leaves_each_message_once_in_order(
    database_url: str, plan: list[tuple[object, ...]]
) -> None:
    threads = await new_threads(database_url, 2)
    tasks: list[tuple[tuple[UUID, UUID, str], asyncio.Task[Posted]]] = []
    async with journals(database_url, 2) as (pair, heard):
        for step in plan:
            match step:
                case ("post", int(process), int(place), int(person), int(label)):
                    key = (threads[place], AUTHORS[person], str(label))
                    tasks.append((key, asyncio.create_task(_persistently(pair[process], *key))))
                case ("cut",):
                    await _cut(database_url)
                case _:
                    await asyncio.sleep(0)
        results = [(key, await task) for key, task in tasks]
    acknowledged: dict[tuple[UUID, UUID, str], UUID] = {}
    for key, posted in results:
        assert acknowledged.setdefault(key, posted.id) == posted.id
    assert len(set(acknowledged.values())) == len(acknowledged)
    total = sum([len(await written(database_url, thread)) for thread in threads])
    assert total == len(acknowledged)
    assert len({(one.thread_id, one.offset) for one in heard}) == len(heard)
