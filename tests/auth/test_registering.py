"""Registering and signing in: what works, and what nobody can find out."""

from __future__ import annotations

import asyncio

import pytest

from server.auth import service
from server.auth.constants import Role
from server.auth.passwords import Cost, Passwords
from server.errors import Conflict, Invalid, Missing
from tests.auth.house import CHEAP, PASSWORD, House, new_email, problem


async def test_a_newcomer_registers_signs_in_and_is_known(house: House) -> None:
    email = new_email()
    answer = await house.post("/auth/register", {"email": email.upper(), "password": PASSWORD, "name": " Ada "})
    assert answer.status_code == 201
    assert set(answer.json()) == {"message"}
    keys = (await house.login(email)).json()
    assert keys["token_type"] == "bearer"
    assert keys["expires_in"] == 900
    me = (await house.me(keys["access_token"])).json()
    assert me == keys["user"]
    assert (me["email"], me["name"], me["role"], me["is_guest"]) == (email, "Ada", "user", False)


async def test_without_a_name_one_is_called_as_the_address_begins(house: House) -> None:
    email = new_email()
    await house.post("/auth/register", {"email": email, "password": PASSWORD})
    assert (await house.login(email)).json()["user"]["name"] == email.partition("@")[0]


async def test_registering_a_taken_address_looks_the_same_and_changes_nothing(house: House) -> None:
    someone = await house.newcomer()
    house.passwords.work.clear()
    taken = await house.post("/auth/register", {"email": someone.email, "password": "another password", "name": "Eve"})
    work_when_taken = house.passwords.work.copy()
    house.passwords.work.clear()
    free = await house.post("/auth/register", {"email": new_email(), "password": "another password", "name": "Eve"})
    assert (taken.status_code, taken.content) == (free.status_code, free.content)
    assert taken.headers.keys() == free.headers.keys()
    assert work_when_taken == house.passwords.work == ["hash"]
    assert (await house.login(someone.email, "another password")).status_code == 401
    assert (await house.login(someone.email)).json()["user"]["name"] == "Ada"


async def test_two_who_register_the_same_address_at_once_make_one_account(house: House) -> None:
    email = new_email()
    both = [house.post("/auth/register", {"email": email, "password": f"{PASSWORD} {n}"}) for n in range(2)]
    assert [answer.status_code for answer in await asyncio.gather(*both)] == [201, 201]
    opened = [(await house.login(email, f"{PASSWORD} {n}")).status_code for n in range(2)]
    assert sorted(opened) == [200, 401]


async def test_an_unknown_address_and_a_wrong_password_are_the_same_to_whoever_asks(house: House) -> None:
    someone = await house.newcomer()
    told, work = [], []
    for email in (someone.email, new_email()):
        house.passwords.work.clear()
        told.append(problem(await house.login(email, "a wrong password"), 401) | {"request_id": ""})
        work.append(house.passwords.work.copy())
    assert told[0] == told[1]
    assert told[0]["code"] == "wrong_credentials"
    assert work == [["verify"], ["verify"]]


async def test_a_guest_has_no_password_to_guess(house: House) -> None:
    keys = (await house.post("/auth/guest", {"name": "Visitor"})).json()
    me = (await house.me(keys["access_token"])).json()
    assert (me["name"], me["email"], me["role"], me["is_guest"]) == ("Visitor", None, "user", True)
    assert (await house.post("/auth/guest", {})).json()["user"]["name"] == "Guest"
    change = {"password": "a new password", "current_password": ""}
    assert problem(await house.patch("/auth/me", change, keys["access_token"]), 403)["code"] == "wrong_password"


async def test_keys_are_never_kept_on_the_way(house: House) -> None:
    someone = await house.newcomer()
    assert (await house.login(someone.email)).headers["cache-control"] == "no-store"
    assert (await house.login(someone.email, "wrong")).headers["cache-control"] == "no-store"


async def test_a_new_password_signs_out_everywhere_else(house: House) -> None:
    someone = await house.newcomer()
    elsewhere = (await house.login(someone.email)).json()
    wrong = {"password": "another password", "current_password": "not this one"}
    assert problem(await house.patch("/auth/me", wrong, someone.access), 403)["code"] == "wrong_password"
    right = {"password": "another password", "current_password": PASSWORD}
    assert (await house.patch("/auth/me", right, someone.access)).status_code == 200
    assert (await house.me(someone.access)).status_code == 200
    assert (await house.me(elsewhere["access_token"])).status_code == 401
    assert (await house.post("/auth/refresh", {"refresh_token": elsewhere["refresh_token"]})).status_code == 401
    assert (await house.login(someone.email)).status_code == 401
    assert (await house.login(someone.email, "another password")).status_code == 200


async def test_the_same_letters_typed_on_another_keyboard_are_the_same_password(house: House) -> None:
    email = new_email()
    await house.post("/auth/register", {"email": email, "password": "cafe\u0301 ole\u0301!"})
    assert (await house.login(email, "caf\u00e9 ol\u00e9!")).status_code == 200


async def test_one_changes_ones_own_name_and_language(house: House) -> None:
    someone = await house.newcomer()
    changed = await house.patch("/auth/me", {"name": "Countess", "language": "en-GB"}, someone.access)
    assert (changed.json()["name"], changed.json()["language"]) == ("Countess", "en-GB")
    assert (await house.me(someone.access)).json() == changed.json()
    assert (await service.sign_in(house.auth, someone.access)).name == "Countess"


async def test_a_hash_made_at_a_lower_cost_is_made_anew_at_sign_in(house: House) -> None:
    email = new_email()
    cheaper = Passwords(Cost(CHEAP.kibibytes * 2, CHEAP.passes))
    async with house.auth.database.transaction() as tx:
        user = await service.create_user(tx, cheaper, email, PASSWORD)
    cheaper.close()
    assert (await house.login(email)).status_code == 200
    async with house.auth.database.transaction() as tx:
        assert (await service.person(tx, user.id)).password_hash != user.password_hash
    assert (await house.login(email)).status_code == 200


async def test_the_command_line_hears_what_is_wrong(house: House) -> None:
    someone = await house.newcomer(Role.ADMIN)
    passwords = house.auth.passwords
    with pytest.raises(Conflict, match="has an account"):
        async with house.auth.database.transaction() as tx:
            await service.create_user(tx, passwords, someone.email, PASSWORD)
    with pytest.raises(Invalid, match="password"):
        async with house.auth.database.transaction() as tx:
            await service.create_user(tx, passwords, new_email(), "short")
    async with house.auth.database.transaction() as tx:
        assert (await service.find_user(tx, someone.email.upper())).id == someone.id
        with pytest.raises(Missing):
            await service.find_user(tx, new_email())
        with pytest.raises(Invalid, match="write an e-mail address"):
            await service.find_user(tx, "ada")
