"""Whatever is sent, the answer is a problem that says what to change, and never a 5xx."""

from __future__ import annotations

import pytest

from server.auth.constants import Role
from tests.auth.house import PASSWORD, House, new_email, problem

GOOD = {"email": "ada@example.com", "password": PASSWORD, "name": "Ada"}


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"name": "A\x00da"}, "body.name", "remove the NUL character"),
        ({"password": "12345678\x00"}, "body.password", "remove the NUL character"),
        ({"email": "ada\x00@example.com"}, "body.email", "remove the NUL character"),
        ({"name": "A\ud800da"}, "body.name", "send whole characters"),
        ({"password": "12345678\udfff"}, "body.password", "send whole characters"),
        ({"name": "A\nda"}, "body.name", "control characters"),
        ({"name": "  "}, "body.name", "visible character"),
        ({"name": "A" * 81}, "body.name", "80"),
        ({"password": "1234567"}, "body.password", "write at least 8 characters"),
        ({"password": "1" * 129}, "body.password", "write at most 128 characters"),
        ({"email": "ada"}, "body.email", "as in ada@example.com"),
        ({"email": "a" * 250 + "@example.com"}, "body.email", "254"),
        ({"email": ["ada@example.com"]}, "body.email", "string"),
        ({"password": 12345678}, "body.password", "string"),
        ({"role": "admin"}, "body.role", "remove it"),
    ],
)
async def test_each_wrong_value_is_named(house: House, change: dict[str, object], field: str, words: str) -> None:
    told = problem(await house.post("/auth/register", GOOD | change), 422)
    assert told["code"] == "invalid_input"
    assert [fault["field"] for fault in told["faults"]] == [field]
    assert words in told["faults"][0]["message"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b'{"email": "\xff\xfe"}', 400),
        (b"[" * 100_000, 400),
        (b'{"email":' * 5_000 + b"1" + b"}" * 5_000, 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b'{"email": NaN, "password": 1e999}', 422),
        (b'{"email": "' + b"a" * 300_000 + b'"}', 413),
    ],
)
async def test_a_body_that_is_none_is_refused(house: House, body: bytes, status: int) -> None:
    for path in ("/auth/register", "/auth/login", "/auth/guest", "/auth/refresh"):
        answer = await house.client.post(path, content=body, headers={"content-type": "application/json"})
        problem(answer, status)


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "cursor=x", "role=king", "q=", "nonsense=1", "is_guest=2"])
async def test_a_wrong_filter_is_named(house: House, query: str) -> None:
    admin = await house.newcomer(Role.ADMIN)
    problem(await house.get(f"/auth/users?{query}", admin.access), 422)


async def test_what_is_sent_as_a_password_is_never_told_back(house: House) -> None:
    answer = await house.post("/auth/register", {"email": new_email(), "password": "sEcr3t", "surplus": "sEcr3t"})
    problem(answer, 422)
    assert "sEcr3t" not in answer.text
