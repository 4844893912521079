"""How often one may try, over all processes, and what happens while Redis is away."""

from __future__ import annotations

import asyncio

from tests.auth.house import PASSWORD, House, new_email, new_host, open_house, problem

LIMIT = 5
NOWHERE = "redis://127.0.0.1:1/0"  # nothing listens there


async def tries(houses: list[House], count: int, email: str | None = None) -> list[int]:
    """So many wrong passwords, at every process in turn; for one address, or for a new one each time."""
    asked = [houses[n % len(houses)].login(email or new_email(), "a wrong password") for n in range(count)]
    return [answer.status_code for answer in await asyncio.gather(*asked)]


async def test_one_address_is_tried_so_often_over_all_processes(database_url: str, redis_url: str) -> None:
    async with (
        open_house(database_url, redis_url, attempts=LIMIT) as one,
        open_house(database_url, redis_url, attempts=LIMIT) as two,
    ):
        email = new_email()
        statuses = await tries([one, two], 2 * LIMIT, email)
        assert (statuses.count(401), statuses.count(429)) == (LIMIT, LIMIT)
        refused = await two.login(email.upper())
        assert problem(refused, 429)["code"] == "too_many_attempts"
        assert 1 <= int(refused.headers["retry-after"]) <= 60 / LIMIT
        assert (await two.login(new_email())).status_code == 401


async def test_the_limit_tells_nothing_about_who_exists(database_url: str, redis_url: str) -> None:
    async with open_house(database_url, redis_url, attempts=LIMIT) as house:
        someone = await house.newcomer()  # one sign-in
        assert await tries([house], LIMIT - 1, someone.email) == [401] * (LIMIT - 1)
        assert problem(await house.login(someone.email), 429)["code"] == "too_many_attempts"
        taken = await house.post("/auth/register", {"email": someone.email, "password": PASSWORD})
        assert problem(taken, 429)["code"] == "too_many_attempts"


async def test_one_network_address_tries_so_often_whomever_it_asks_for(database_url: str, redis_url: str) -> None:
    host = new_host()
    async with (
        open_house(database_url, redis_url, attempts=LIMIT, host=host) as one,
        open_house(database_url, redis_url, attempts=LIMIT, host=host) as two,
        open_house(database_url, redis_url, attempts=LIMIT) as neighbour,
    ):
        statuses = await tries([one, two], 6 * LIMIT)
        assert (statuses.count(401), statuses.count(429)) == (5 * LIMIT, LIMIT)
        body = {"email": new_email(), "password": PASSWORD}
        assert (await one.post("/auth/register", body)).status_code == 429
        assert (await neighbour.post("/auth/register", body)).status_code == 201


async def test_guests_are_counted_too(database_url: str, redis_url: str) -> None:
    async with open_house(database_url, redis_url, attempts=1) as house:
        statuses = [(await house.post("/auth/guest", {})).status_code for _ in range(6)]
        assert statuses == [201] * 5 + [429]


async def test_one_ipv6_network_is_one_visitor(database_url: str, redis_url: str) -> None:
    async with (
        open_house(database_url, redis_url, attempts=1, host="2001:db8:1:2::1") as one,
        open_house(database_url, redis_url, attempts=1, host="2001:db8:1:2:ffff::2") as same,
        open_house(database_url, redis_url, attempts=1, host="2001:db8:1:3::1") as other,
    ):
        assert await tries([one], 5) == [401] * 5
        assert await tries([same], 1) == [429]
        assert await tries([other], 1) == [401]


async def test_without_redis_people_sign_in_and_guessing_is_still_limited(database_url: str) -> None:
    async with open_house(database_url, NOWHERE, attempts=LIMIT) as house:
        someone = await house.newcomer()
        assert (await house.me(someone.access)).status_code == 200
        statuses = await tries([house], 2 * LIMIT, new_email())
        assert (statuses.count(401), statuses.count(429)) == (LIMIT, LIMIT)
