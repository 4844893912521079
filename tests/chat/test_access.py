"""What is remembered of how people stand to threads: for a second at most, renewed beside those who keep posting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from server import clock, ids
from server.auth.constants import Role
from server.auth.policy import Caller
from server.chat.access import REMEMBER_SECONDS, RENEW_SECONDS, Access
from server.chat.entrance import Entrance
from server.database import Database
from server.errors import Unavailable
from tests.eventually import eventually

ADA = Caller(ids.new(), "Ada", Role.USER, None)


class Hands:
    """Of the clock, which the test moves."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    held = Hands()
    monkeypatch.setattr(clock, "monotonic", held.monotonic)
    return held


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, 2)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def thread(database: Database) -> UUID:
    """Of which Ada is a member."""
    thread_id = ids.new()
    async with database.connection() as connection:
        await connection.execute("INSERT INTO users (id, name) VALUES ($1, 'Ada') ON CONFLICT DO NOTHING", ADA.user)
        await connection.execute("INSERT INTO threads (id, kind, epoch) VALUES ($1, 'group', 'e')", thread_id)
        await connection.execute(
            "INSERT INTO members (thread_id, user_id, capability) VALUES ($1, $2, 'post')", thread_id, ADA.user
        )
    return thread_id


async def _removed(database: Database, thread: UUID) -> None:
    async with database.connection() as connection:
        await connection.execute("DELETE FROM members WHERE thread_id = $1", thread)


async def test_who_keeps_posting_is_asked_about_before_the_second_is_over(
    database: Database, thread: UUID, hands: Hands
) -> None:
    access = Access(Entrance(database))
    await access.standing(ADA, thread)
    for _ in range(3):
        hands.at += RENEW_SECONDS
        assert access.remembered(ADA, thread) is not None
        await eventually(lambda: _is_renewed(access, thread, hands))


async def _is_renewed(access: Access, thread: UUID, hands: Hands) -> bool:
    """Whether what is remembered now is still remembered just before the second is over."""
    here = hands.at
    hands.at += REMEMBER_SECONDS - 0.001
    try:
        return access.remembered(ADA, thread) is not None
    finally:
        hands.at = here


async def test_a_removed_member_is_remembered_for_a_second_at_most(
    database: Database, thread: UUID, hands: Hands
) -> None:
    access = Access(Entrance(database))
    await access.standing(ADA, thread)
    await _removed(database, thread)
    hands.at += RENEW_SECONDS
    assert access.remembered(ADA, thread) is not None  # and is asked about
    await eventually(lambda: access.remembered(ADA, thread) is None)
    standing = await access.standing(ADA, thread)
    assert standing is not None
    assert not standing.may_post


async def test_what_was_asked_before_a_change_is_not_remembered_after_it(
    database: Database, thread: UUID, hands: Hands
) -> None:
    access = Access(Entrance(database))
    await access.standing(ADA, thread)
    hands.at += RENEW_SECONDS
    access.remembered(ADA, thread)  # is asked about
    access.forget(thread)
    await access.standing(ADA, ids.new())  # an answer that comes after the other one
    assert access.remembered(ADA, thread) is None


async def test_an_outage_is_told_to_those_who_wait_for_the_answer_alone(
    database: Database, thread: UUID, hands: Hands
) -> None:
    access = Access(Entrance(database))
    await access.standing(ADA, thread)
    await database.close()
    hands.at += RENEW_SECONDS
    assert access.remembered(ADA, thread) is not None
    hands.at += REMEMBER_SECONDS
    with pytest.raises(Unavailable):
        await access.standing(ADA, thread)
