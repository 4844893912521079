"""Passwords are hashed beside the event loop, a bounded number at a time."""

from __future__ import annotations

import asyncio

import pytest

from server.auth.passwords import Cost, Passwords
from server.errors import Limited

pytestmark = pytest.mark.unit

CHEAP = Cost(kibibytes=8, passes=1)


async def test_the_right_password_is_right_and_no_other() -> None:
    passwords = Passwords(CHEAP)
    kept = await passwords.hash("correct horse")
    assert kept.startswith("$argon2id$")
    assert "correct" not in kept
    assert await passwords.verify("correct horse", kept) == (True, None)
    assert await passwords.verify("correct horsf", kept) == (False, None)
    assert await passwords.hash("correct horse") != kept
    passwords.close()


async def test_nobody_has_no_password() -> None:
    passwords = Passwords(CHEAP)
    for guess in ("", "password", "x" * 128):
        assert await passwords.verify(guess, None) == (False, None)
    passwords.close()


async def test_a_hash_of_another_cost_is_made_anew_only_for_the_right_password() -> None:
    before, now = Passwords(CHEAP), Passwords(Cost(kibibytes=16, passes=1))
    kept = await before.hash("correct horse")
    is_right, stronger = await now.verify("correct horse", kept)
    assert is_right
    assert stronger is not None
    assert await now.verify("correct horse", stronger) == (True, None)
    assert await now.verify("wrong", kept) == (False, None)
    before.close()
    now.close()


async def test_the_event_loop_turns_while_a_password_is_hashed() -> None:
    passwords = Passwords()
    hashing, turns = asyncio.create_task(passwords.hash("correct horse")), 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10
    passwords.close()


async def test_whoever_comes_when_all_places_are_taken_is_told_when_to_come_back() -> None:
    passwords = Passwords(threads=1, places=2)
    answers = await asyncio.gather(*(passwords.hash("x") for _ in range(5)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Limited)]
    assert len(refused) == 3
    assert all(one.retry_after for one in refused)
    assert await passwords.hash("x")
    passwords.close()


async def test_a_caller_who_leaves_gives_the_place_back() -> None:
    passwords = Passwords(threads=1, places=2)
    first = asyncio.create_task(passwords.hash("x"))
    waiting = asyncio.create_task(passwords.hash("x"))
    await asyncio.sleep(0)
    waiting.cancel()
    await first
    assert all(await asyncio.gather(passwords.hash("x"), passwords.hash("x")))
    passwords.close()
