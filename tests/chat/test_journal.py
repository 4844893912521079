"""What whoever posts may rely on: order, completeness, one message a client_id, and neighbours that do not matter."""

from __future__ import annotations

import asyncio
import json
from uuid import UUID

import asyncpg
import pytest
from msgspec.structs import replace

from server import ids
from server.chat import journal as journal_module
from server.chat.journal import Draft, Journal, Posted
from server.chat.statements import REPOSTED
from server.errors import Invalid, Limited, Missing, Unavailable
from tests.chat.writing import draft, journals, new_threads, written
from tests.eventually import eventually


async def test_posts_of_two_processes_are_numbered_without_a_hole(database_url: str) -> None:
    threads = await new_threads(database_url, 3)
    async with journals(database_url, 2) as (pair, heard):
        posts = [pair[n % 2].post(draft(threads[n % 3], client_id=str(n))) for n in range(300)]
        posted = await asyncio.gather(*posts)
    for thread in threads:
        assert len(await written(database_url, thread)) == 100
    assert {one.id for one in heard} == {one.id for one in posted}


async def test_each_process_announces_a_thread_in_the_order_of_its_offsets(database_url: str) -> None:
    (thread,) = await new_threads(database_url)
    async with journals(database_url) as ((one,), heard):
        await asyncio.gather(*(one.post(draft(thread)) for _ in range(200)))
    assert [post.offset for post in heard] == list(range(1, 201))


async def test_messages_keep_the_order_in_which_they_came(database_url: str) -> None:
    (thread,) = await new_threads(database_url)
    async with journals(database_url) as ((one,), _):
        await asyncio.gather(*(one.post(draft(thread, f"{n:03}")) for n in range(100)))
    assert [label for _, _, label in await written(database_url, thread)] == [f"{n:03}" for n in range(100)]


async def test_the_same_client_id_brings_the_first_message_back(database_url: str) -> None:
    (thread,) = await new_threads(database_url)
    author = ids.new()
    async with journals(database_url, 2) as ((one, other), heard):
        first = await one.post(draft(thread, "once", author=author, client_id="a"))
        again = await one.post(draft(thread, "twice", author=author, client_id="a"))
        elsewhere = await other.post(draft(thread, "thrice", author=author, client_id="a"))
        stranger = await other.post(draft(thread, "mine", client_id="a"))
    assert first.is_first
    assert not again.is_first
    assert (again.id, elsewhere.id) == (first.id, first.id)
    assert json.loads(elsewhere.json) == json.loads(first.json)
    assert stranger.id != first.id
    assert len(heard) == 2
    assert len(await written(database_url, thread)) == 2


async def test_the_same_client_id_without_an_author_is_the_same_message_too(database_url: str) -> None:
    thread, elsewhere = await new_threads(database_url, 2)

    def nobodys(thread: UUID, text: str, client_id: str | None) -> Draft:
        return replace(draft(thread, text, client_id=client_id), author_id=None)

    async with journals(database_url, 2) as ((one, other), _):
        first = await one.post(nobodys(thread, "once", "a"))
        again = await other.post(nobodys(thread, "twice", "a"))
        racing = await asyncio.gather(*(each.post(nobodys(thread, "raced", "b")) for each in (one, other) * 3))
        for new in (nobodys(elsewhere, "x", "a"), nobodys(thread, "x", None), nobodys(thread, "x", None)):
            assert (await one.post(new)).is_first
        assert (await one.post(draft(thread, "somebody's", client_id="a"))).is_first
    assert (again.id, again.is_first) == (first.id, False)
    assert len({one.id for one in racing}) == 1
    assert len(await written(database_url, thread)) == 5


# In one thread, half of them nobody's: on an empty table any index is as good as another.
MANY_MESSAGES = """
INSERT INTO messages (thread_id, number, "offset", id, author_id, author_kind, text, client_id)
SELECT $1, n, n, gen_random_uuid(), CASE WHEN n % 2 = 0 THEN CAST($2 AS uuid) END, 'user', 'x', CAST(n AS text)
FROM generate_series(1, 5000) n
"""


async def test_a_repost_is_looked_up_with_its_whole_identity(fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    try:
        await connection.execute(MANY_MESSAGES, ids.new(), ids.new())
        await connection.execute("ANALYZE messages; SET enable_seqscan = off; SET enable_bitmapscan = off")
        one = [ids.new()]
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {REPOSTED}", one, one, one, ["a"]))
    finally:
        await connection.close()
    conditions = [line for line in plan.splitlines() if "Index Cond" in line and "client_id" in line]
    assert len(conditions) == 2, plan
    assert all("thread_id" in line and "author_id" in line for line in conditions), plan


async def test_reposts_racing_on_two_processes_make_one_message(database_url: str) -> None:
    (thread,) = await new_threads(database_url)
    author = ids.new()
    async with journals(database_url, 2) as (pair, _):
        for round_ in range(20):
            label = f"r{round_}"
            posts = [pair[n % 2].post(draft(thread, author=author, client_id=label)) for n in range(6)]
            assert len({one.id for one in await asyncio.gather(*posts)}) == 1
    assert len(await written(database_url, thread)) == 20


async def test_a_bad_message_fails_alone(database_url: str) -> None:
    (thread,) = await new_threads(database_url)
    async with journals(database_url) as ((one,), _):
        drafts = [draft(thread, "bad\x00" if n % 7 == 3 else "good") for n in range(50)]
        outcomes = await asyncio.gather(*(one.post(each) for each in drafts), return_exceptions=True)
    for each, outcome in zip(drafts, outcomes, strict=True):
        assert isinstance(outcome, Invalid if "\x00" in each.text else Posted)
    assert len(await written(database_url, thread)) == 43


async def test_a_missing_thread_takes_only_its_own_messages_along(database_url: str) -> None:
    (thread,) = await new_threads(database_url)
    async with journals(database_url) as ((one,), _):
        lost, kept = await asyncio.gather(one.post(draft(ids.new())), one.post(draft(thread)), return_exceptions=True)
    assert isinstance(lost, Missing)
    assert isinstance(kept, Posted)


async def test_a_cut_connection_is_told_and_then_mended(database_url: str) -> None:
    (thread,) = await new_threads(database_url)
    async with journals(database_url) as ((one,), _):
        await one.post(draft(thread))
        admin = await asyncpg.connect(database_url)
        await admin.fetch(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE application_name = 'parley journal' AND datname = current_database()"
        )
        await admin.close()
        outcomes = [await asyncio.gather(one.post(draft(thread)), return_exceptions=True) for _ in range(3)]
    assert isinstance(outcomes[-1][0], Posted)
    assert all(isinstance(outcome, Posted | Unavailable) for (outcome,) in outcomes)


async def test_more_than_may_wait_is_refused_with_a_time_to_come_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (thread,) = await new_threads(database_url)
    monkeypatch.setattr(journal_module, "WAITING_LIMIT", 5)
    async with journals(database_url) as ((one,), _):
        outcomes = await asyncio.gather(*(one.post(draft(thread)) for _ in range(9)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Limited)]
    assert len(refused) == 4
    assert all(outcome.retry_after for outcome in refused)


async def test_closing_commits_what_waits_and_refuses_what_comes_later(database_url: str) -> None:
    (thread,) = await new_threads(database_url)
    async with journals(database_url) as ((one,), _):
        waiting = [asyncio.ensure_future(one.post(draft(thread))) for _ in range(20)]
        await asyncio.sleep(0)
        await one.close()
        await asyncio.gather(*waiting)
        with pytest.raises(Unavailable):
            await one.post(draft(thread))
    assert len(await written(database_url, thread)) == 20


async def test_an_announcement_that_fails_takes_no_post_with_it(database_url: str) -> None:
    (thread,) = await new_threads(database_url)

    def stumble(_: object) -> None:
        raise ZeroDivisionError

    journal = Journal(database_url, stumble)
    await journal.open()
    try:
        await journal.post(draft(thread, "one"))
        await journal.post(draft(thread, "two"))
        assert journal.is_writing
    finally:
        await journal.close()
    assert len(await written(database_url, thread)) == 2


async def test_what_was_refused_for_lateness_is_never_written(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "WAIT_SECONDS", 0.2)
    (thread,) = await new_threads(database_url)
    holder = await asyncpg.connect(database_url)
    try:
        async with journals(database_url) as ((one,), _):
            async with holder.transaction():
                await holder.execute("SELECT 1 FROM threads WHERE id = $1 FOR UPDATE", thread)
                on_its_way = one.place(draft(thread, "sent", client_id="a"))
                await eventually(lambda: not one._waiting)
                waiting = one.place(draft(thread, "not sent", client_id="b"))
                for late in (on_its_way, waiting):
                    with pytest.raises(Unavailable):
                        await late
            again = await one.post(draft(thread, "sent after all"))
    finally:
        await holder.close()
    assert again.number == 2
    assert [label for _, _, label in await written(database_url, thread)] == ["a", "sent after all"]
