"""Sessions: refresh tokens that are good once, and what becomes of one that is used twice."""

from __future__ import annotations

import asyncio

from httpx2 import Response

from server.auth.constants import SESSIONS_LIMIT
from server.auth.opaque import RefreshToken
from server.auth.revocations import REFRESH_SECONDS
from server.auth.sessions import REPEAT
from tests.auth.conftest import Hands
from tests.auth.house import SECRET, House, open_house, problem


async def refresh(house: House, token: str) -> Response:
    return await house.post("/auth/refresh", {"refresh_token": token})


async def test_a_refresh_gives_a_new_pair_again_and_again(house: House) -> None:
    someone = await house.newcomer()
    keys, seen = {"refresh_token": someone.refresh}, {someone.refresh}
    for _ in range(3):
        keys = (await refresh(house, keys["refresh_token"])).json()
        assert (await house.me(keys["access_token"])).status_code == 200
        assert keys["refresh_token"] not in seen
        seen.add(keys["refresh_token"])


async def test_a_spent_token_ends_its_session_for_the_thief_and_the_owner(house: House, hands: Hands) -> None:
    someone = await house.newcomer()
    other_session = (await house.login(someone.email)).json()
    keys = (await refresh(house, someone.refresh)).json()
    hands.forward(REPEAT.total_seconds() + 1)
    assert problem(await refresh(house, someone.refresh), 401)["code"] == "token_reused"
    assert problem(await refresh(house, keys["refresh_token"]), 401)["code"] == "token_invalid"
    assert problem(await house.me(keys["access_token"]), 401)["code"] == "token_invalid"
    assert (await refresh(house, other_session["refresh_token"])).status_code == 200


async def test_a_refresh_whose_answer_was_lost_may_be_asked_again(house: House, next_house: House) -> None:
    someone = await house.newcomer()
    racing = [refresh(each, someone.refresh) for each in (house, next_house) * 4]
    answers = [answer.json() for answer in await asyncio.gather(*racing)]
    (following,) = {keys["refresh_token"] for keys in answers}
    assert (await refresh(house, following)).status_code == 200


async def test_once_the_next_token_is_spent_the_one_before_ends_the_session(house: House) -> None:
    someone = await house.newcomer()
    second = (await refresh(house, someone.refresh)).json()["refresh_token"]
    third = (await refresh(house, second)).json()["refresh_token"]
    assert problem(await refresh(house, someone.refresh), 401)["code"] == "token_reused"
    assert problem(await refresh(house, third), 401)["code"] == "token_invalid"


async def test_a_lost_answer_is_found_again_while_the_secret_is_changed(
    house: House, database_url: str, redis_url: str
) -> None:
    someone = await house.newcomer()
    following = (await refresh(house, someone.refresh)).json()["refresh_token"]
    async with open_house(database_url, redis_url, secrets=[SECRET[::-1], SECRET]) as changed:
        assert (await refresh(changed, someone.refresh)).json()["refresh_token"] == following


async def test_whoever_only_knows_a_sessions_id_cannot_end_it(house: House) -> None:
    someone = await house.newcomer()
    session = RefreshToken.parse(someone.refresh).session
    guess = RefreshToken(session, b"f" * 16, b"t" * 25).word
    assert problem(await refresh(house, guess), 401)["code"] == "token_invalid"
    assert (await house.post("/auth/logout", {"refresh_token": guess})).status_code == 204
    assert (await refresh(house, someone.refresh)).status_code == 200


async def test_signing_out_ends_the_access_token_too(house: House, next_house: House, hands: Hands) -> None:
    someone = await house.newcomer()
    assert (await next_house.me(someone.access)).status_code == 200
    assert (await house.post("/auth/logout", {"refresh_token": someone.refresh})).status_code == 204
    assert problem(await house.me(someone.access), 401)["code"] == "token_invalid"
    assert problem(await refresh(house, someone.refresh), 401)["code"] == "token_invalid"
    hands.forward(REFRESH_SECONDS + 0.1)
    assert problem(await next_house.me(someone.access), 401)["code"] == "token_invalid"
    assert (await house.post("/auth/logout", {"refresh_token": someone.refresh})).status_code == 204


async def test_a_token_that_is_none_is_refused(house: House) -> None:
    for word in ("", "parley_refresh_", "parley_refresh_" + "A" * 76, "parley_refresh_\u00e9", "x" * 100):
        assert problem(await refresh(house, word), 401)["code"] == "token_invalid"


async def test_an_expired_access_token_says_so_and_a_session_lives_as_long_as_it_is_used(
    house: House, hands: Hands
) -> None:
    someone = await house.newcomer()
    hands.forward(901)
    assert problem(await house.me(someone.access), 401)["code"] == "token_expired"
    keys = {"refresh_token": someone.refresh}
    for _ in range(3):
        hands.forward(20 * 86_400)
        keys = (await refresh(house, keys["refresh_token"])).json()
    hands.forward(31 * 86_400)
    assert problem(await refresh(house, keys["refresh_token"]), 401)["code"] == "token_expired"


async def test_one_session_too_many_ends_the_oldest(house: House) -> None:
    someone = await house.newcomer()
    for _ in range(SESSIONS_LIMIT - 1):
        second = (await house.login(someone.email)).json()["refresh_token"]
    first = (await refresh(house, someone.refresh)).json()["refresh_token"]
    assert (await house.login(someone.email)).status_code == 200
    assert (await refresh(house, first)).status_code == 401
    assert (await refresh(house, second)).status_code == 200
    await house.auth.revocations.refresh()
    assert problem(await house.me(someone.access), 401)["code"] == "token_invalid"


async def test_a_new_secret_signs_and_the_old_one_still_verifies(
    house: House, database_url: str, redis_url: str
) -> None:
    someone = await house.newcomer()
    fresh = "the second secret of thirty-two or more letters"
    async with open_house(database_url, redis_url, secrets=(fresh, SECRET)) as rotating:
        assert (await rotating.me(someone.access)).status_code == 200
        keys = (await refresh(rotating, someone.refresh)).json()
        assert problem(await house.me(keys["access_token"]), 401)["code"] == "token_invalid"
    async with open_house(database_url, redis_url, secrets=(fresh,)) as rotated:
        assert problem(await rotated.me(someone.access), 401)["code"] == "token_invalid"
        assert (await rotated.me(keys["access_token"])).status_code == 200


async def test_without_a_token_or_with_another_scheme_nobody_is_signed_in(house: House) -> None:
    answer = await house.get("/auth/me")
    assert problem(answer, 401)["code"] == "token_missing"
    assert answer.headers["www-authenticate"] == "Bearer"
    answer = await house.client.get("/auth/me", headers={"authorization": "Basic YTpi"})
    assert problem(answer, 401)["code"] == "token_missing"
    for word in ("x", "a.b.c", "e30.e30.e30", "\u00e9", "x" * 5000):
        answer = await house.client.get("/auth/me", headers={b"authorization": f"Bearer {word}".encode()})
        assert problem(answer, 401)["code"] == "token_invalid"
