"""A browser keeps its refresh token where no script can read it, and uses it without knowing it."""

from __future__ import annotations

from httpx2 import Response

from server.auth.cookies import NAME
from tests.auth.house import PASSWORD, House, problem


async def entered(house: House) -> Response:
    someone = await house.newcomer()
    return await house.post("/auth/login", {"email": someone.email, "password": PASSWORD, "in_cookie": True})


async def test_the_refresh_token_is_in_a_cookie_and_nowhere_else(house: House) -> None:
    answer = await entered(house)
    assert answer.json()["refresh_token"] is None
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{NAME}=parley_refresh_")
    for word in ("HttpOnly", "Path=/auth", "SameSite=strict", "Max-Age=2592000"):
        assert word in cookie
    assert "Secure" not in cookie, "over plain HTTP the browser would throw it away"


async def test_over_https_the_cookie_never_leaves_it(house: House) -> None:
    house.client.base_url = "https://parley.test"
    assert "Secure" in (await entered(house)).headers["set-cookie"]


async def test_who_signs_in_without_it_gets_no_cookie(house: House) -> None:
    someone = await house.newcomer()
    answer = await house.login(someone.email)
    assert "set-cookie" not in answer.headers
    assert "set-cookie" not in (await house.post("/auth/refresh", {"refresh_token": someone.refresh})).headers


async def test_a_cookie_is_renewed_again_and_again_until_it_is_signed_out(house: House) -> None:
    await entered(house)
    seen = {house.client.cookies[NAME]}
    for _ in range(3):
        keys = (await house.post("/auth/refresh", {})).json()
        assert keys["refresh_token"] is None
        assert (await house.me(keys["access_token"])).status_code == 200
        assert house.client.cookies[NAME] not in seen
        seen.add(house.client.cookies[NAME])
    assert (await house.post("/auth/logout", {})).status_code == 204
    assert NAME not in house.client.cookies
    assert problem(await house.me(keys["access_token"]), 401)["code"] == "token_invalid"


async def test_without_a_cookie_there_is_nothing_to_renew_or_to_end(house: House) -> None:
    for path in ("/auth/refresh", "/auth/logout"):
        assert "sign in" in problem(await house.post(path, {}), 401)["detail"]


async def test_a_form_of_another_site_cannot_sign_a_browser_in(house: House) -> None:
    someone = await house.newcomer()
    body = f'{{"email": "{someone.email}", "password": "{PASSWORD}", "in_cookie": true}}'
    answer = await house.client.post("/auth/login", content=body, headers={"content-type": "text/plain"})
    assert problem(answer, 415)["code"] == "not_json"
    assert "set-cookie" not in answer.headers
