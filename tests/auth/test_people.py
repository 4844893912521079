"""Roles, bans and personal access tokens: who may do what, and how soon a change is true everywhere."""

from __future__ import annotations

import asyncio

import pytest

from server.auth import service
from server.auth.constants import ACCESS_TOKENS_LIMIT, Role
from server.auth.revocations import REFRESH_SECONDS
from server.errors import Unauthenticated, Unavailable
from tests.auth.conftest import Hands
from tests.auth.house import House, new_email, problem

SOON = REFRESH_SECONDS + 0.1


@pytest.mark.parametrize("role", [Role.USER, Role.OPERATOR])
async def test_only_admins_see_and_change_people(house: House, role: Role) -> None:
    someone = await house.newcomer(role)
    assert problem(await house.get("/auth/users", someone.access), 403)["code"] == "role_needed"
    change = await house.patch(f"/auth/users/{someone.id}", {"role": "admin"}, someone.access)
    assert problem(change, 403)["code"] == "role_needed"


async def test_admins_walk_through_everyone_once(house: House) -> None:
    admin = await house.newcomer(Role.ADMIN)
    made = [str((await house.newcomer(Role.OPERATOR)).id) for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await house.get(f"/auth/users?role=operator&limit=2{cursor}", admin.access)).json()
        seen += [user["id"] for user in page["users"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(seen) == len(set(seen))
    assert [user for user in seen if user in made] == made[::-1]


async def test_admins_find_people_by_a_part_of_name_or_address(house: House) -> None:
    admin, someone = await house.newcomer(Role.ADMIN), await house.newcomer()
    await house.patch("/auth/me", {"name": "100% Zoë_Quux"}, someone.access)
    for part, found in (("zoë_q", 1), ("100%25", 1), (someone.email[:20], 1), ("zo%25quux", 0), ("zoëxq", 0)):
        page = (await house.get(f"/auth/users?q={part}", admin.access)).json()
        assert [user["id"] for user in page["users"]].count(str(someone.id)) == found, part


async def test_a_new_role_holds_for_tokens_that_are_out_already(house: House, next_house: House, hands: Hands) -> None:
    admin, someone = await house.newcomer(Role.ADMIN), await house.newcomer()
    assert (await next_house.get("/auth/users", someone.access)).status_code == 403
    raised = await house.patch(f"/auth/users/{someone.id}", {"role": "admin"}, admin.access)
    assert raised.json()["role"] == "admin"
    assert (await house.get("/auth/users", someone.access)).status_code == 200
    hands.forward(SOON)
    assert (await next_house.get("/auth/users", someone.access)).status_code == 200
    await house.patch(f"/auth/users/{someone.id}", {"role": "user"}, admin.access)
    hands.forward(SOON)
    assert (await next_house.get("/auth/users", someone.access)).status_code == 403


async def test_a_ban_holds_at_every_door_of_every_process(house: House, next_house: House, hands: Hands) -> None:
    admin, someone = await house.newcomer(Role.ADMIN), await house.newcomer()
    machine = await house.machine_of(someone)
    assert (await next_house.me(someone.access)).status_code == 200
    banned = await house.patch(f"/auth/users/{someone.id}", {"is_banned": True}, admin.access)
    assert banned.json()["banned_at"] is not None
    hands.forward(SOON)
    for each in (house, next_house):
        assert (await each.me(someone.access)).status_code == 401
        assert problem(await each.me(machine), 401)["code"] == "account_banned"
        assert (await each.post("/auth/refresh", {"refresh_token": someone.refresh})).status_code == 401
        assert problem(await each.login(someone.email), 401)["code"] == "account_banned"
        assert problem(await each.login(someone.email, "wrong password"), 401)["code"] == "wrong_credentials"
        with pytest.raises(Unauthenticated):
            await service.sign_in(each.auth, someone.access)
    listed = (await house.get("/auth/users?is_banned=true", admin.access)).json()["users"]
    assert str(someone.id) in [user["id"] for user in listed]


async def test_whoever_is_let_back_in_signs_in_anew(house: House, next_house: House, hands: Hands) -> None:
    admin, someone = await house.newcomer(Role.ADMIN), await house.newcomer()
    machine = await house.machine_of(someone)
    for banned in (True, False):
        await house.patch(f"/auth/users/{someone.id}", {"is_banned": banned}, admin.access)
    hands.forward(SOON)
    assert (await next_house.me(someone.access)).status_code == 401
    keys = (await next_house.login(someone.email)).json()
    assert (await next_house.me(keys["access_token"])).status_code == 200
    assert (await next_house.me(machine)).status_code == 200


async def test_nobody_takes_their_own_role_and_an_unknown_person_is_missing(house: House) -> None:
    admin = await house.newcomer(Role.ADMIN)
    own = await house.patch(f"/auth/users/{admin.id}", {"role": "user"}, admin.access)
    assert problem(own, 409)["code"] == "own_account"
    nobody = await house.patch(f"/auth/users/{'0' * 8}-0000-7000-8000-{'0' * 12}", {"role": "user"}, admin.access)
    assert problem(nobody, 404)["code"] == "no_such_user"


async def test_a_machine_speaks_with_a_token_that_is_shown_once(house: House) -> None:
    someone = await house.newcomer()
    made = (await house.post("/auth/tokens", {"name": "export", "expires_in_days": 7}, someone.access)).json()
    assert made["token"].startswith(made["prefix"])
    assert (await house.me(made["token"])).json()["id"] == str(someone.id)
    listed = (await house.get("/auth/tokens", someone.access)).json()
    assert [token["name"] for token in listed] == ["export"]
    assert listed[0]["last_used_at"] is not None
    assert made["token"] not in str(listed)
    caller = await service.sign_in(house.auth, made["token"])
    assert (caller.user, caller.role, caller.session) == (someone.id, Role.USER, None)
    assert caller.expires_at is not None
    assert (await house.delete(f"/auth/tokens/{made['id']}", someone.access)).status_code == 204
    assert problem(await house.me(made["token"]), 401)["code"] == "token_invalid"
    assert (await house.get("/auth/tokens", someone.access)).json() == []
    assert problem(await house.delete(f"/auth/tokens/{made['id']}", someone.access), 404)["code"] == "no_such_token"


async def test_a_machines_token_expires(house: House, hands: Hands) -> None:
    someone = await house.newcomer()
    made = (await house.post("/auth/tokens", {"name": "export", "expires_in_days": 7}, someone.access)).json()
    hands.forward(7 * 86_400)
    assert problem(await house.me(made["token"]), 401)["code"] == "token_expired"


async def test_a_machines_role_is_a_ceiling(house: House) -> None:
    admin = await house.newcomer(Role.ADMIN)
    low = (await house.post("/auth/tokens", {"name": "low", "role": "user"}, admin.access)).json()["token"]
    high = (await house.post("/auth/tokens", {"name": "high"}, admin.access)).json()["token"]
    assert (await house.get("/auth/users", low)).status_code == 403
    assert (await house.get("/auth/users", high)).status_code == 200
    other = await house.newcomer(Role.ADMIN)
    await house.patch(f"/auth/users/{admin.id}", {"role": "operator"}, other.access)
    assert (await service.sign_in(house.auth, high)).role is Role.OPERATOR
    above = await house.post("/auth/tokens", {"name": "above", "role": "admin"}, (await house.newcomer()).access)
    assert problem(above, 403)["code"] == "role_needed"


async def test_a_machine_may_not_change_its_owners_keys(house: House) -> None:
    someone = await house.newcomer()
    machine = await house.machine_of(someone)
    token = (await house.get("/auth/tokens", machine)).json()[0]
    for refused in (
        await house.post("/auth/tokens", {"name": "another"}, machine),
        await house.delete(f"/auth/tokens/{token['id']}", machine),
        await house.patch("/auth/me", {"password": "a new password", "current_password": "x"}, machine),
    ):
        assert problem(refused, 403)["code"] == "session_needed"


async def test_another_persons_token_is_missing(house: House) -> None:
    one, other = await house.newcomer(), await house.newcomer()
    made = (await house.post("/auth/tokens", {"name": "mine"}, one.access)).json()
    assert problem(await house.delete(f"/auth/tokens/{made['id']}", other.access), 404)["code"] == "no_such_token"
    assert (await house.me(made["token"])).status_code == 200


async def test_tokens_have_a_bound_even_for_those_who_ask_all_at_once(house: House) -> None:
    someone = await house.newcomer()
    asked = [house.post("/auth/tokens", {"name": "many"}, someone.access) for _ in range(ACCESS_TOKENS_LIMIT + 5)]
    statuses = [answer.status_code for answer in await asyncio.gather(*asked)]
    assert (statuses.count(201), statuses.count(409)) == (ACCESS_TOKENS_LIMIT, 5)


async def test_a_guest_cannot_sign_in_by_password(house: House) -> None:
    await house.post("/auth/guest", {})
    assert problem(await house.login(new_email()), 401)["code"] == "wrong_credentials"


async def test_an_access_token_asks_the_database_only_every_few_seconds(house: House, hands: Hands) -> None:
    someone = await house.newcomer()
    machine = await house.machine_of(someone)
    assert (await service.sign_in(house.auth, someone.access)).user == someone.id
    await house.auth.database.close()
    for seconds in (0, SOON):  # and while it is away, what was known still holds
        hands.forward(seconds)
        assert (await service.sign_in(house.auth, someone.access)).user == someone.id
    with pytest.raises(Unavailable):
        await service.sign_in(house.auth, machine)


async def test_a_process_that_never_read_who_was_banned_lets_nobody_in(house: House, next_house: House) -> None:
    someone = await house.newcomer()
    await next_house.auth.database.close()
    for _ in range(2):
        with pytest.raises(Unavailable):
            await service.sign_in(next_house.auth, someone.access)
