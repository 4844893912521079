"""Whatever is sent to whichever door, the answer is a problem that says what to change, and never a 5xx."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.rest.house import DOCUMENT, House, Person

JSON = {"content-type": "application/json"}
DOORS = [(method.upper(), path) for path, doors in DOCUMENT["paths"].items() for method in doors]
DOORS_WITH_BODIES = [
    (method.upper(), path)
    for path, doors in DOCUMENT["paths"].items()
    for method, door in doors.items()
    if "application/json" in door.get("requestBody", {}).get("content", {})
]
NOWHERE = "01900000-0000-7000-8000-000000000000"

# What is no body at all, for any door, and the statuses that say so.
BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "422 invalid_input"),
    "half": (b'{"text": "x"', "400 malformed_json"),
    "not json": (b"text=x", "400 malformed_json"),
    "not utf-8": (b'{"text": "\xff\xfe"}', "400 malformed_json"),
    "raw nul": (b'{"text": "\x00"}', "400 malformed_json"),
    "deep lists": (b"[" * 100_000, "400 malformed_json"),
    "deep objects": (b'{"a":' * 40_000 + b"1" + b"}" * 40_000, "400 malformed_json"),
    "a list": (b"[]", "422 invalid_input"),
    "a text": (b'"x"', "422 invalid_input"),
    "null": (b"null", "422 invalid_input"),
    "a huge number": (b"9" * 100_000, "400 malformed_json"),
    "unknown fields": (b'{"nonsense": 1}', "422 invalid_input"),
    "a field that is half a letter": (rb'{"\ud800": 1}', "422 invalid_input"),
    "wrong types": (
        rb'{"text": [], "kind": {}, "name": 1, "number": "x", "capability": 3, "tags": "x", "email": 1, "password": [],'
        rb' "refresh_token": {}, "role": 7, "is_banned": "x", "subject": [], "language": 1, "client_id": {}}',
        "422 invalid_input",
    ),
    "too large": (b'{"text": "' + b"x" * 1_000_000 + b'"}', "413 body_too_large"),
}


@pytest.fixture(scope="module")
async def admin(house: House) -> Person:
    """Somebody who passes every door that a role keeps."""
    return await house.person(role="admin")


def filled(path: str, value: str = NOWHERE) -> str:
    for name in ("thread_id", "message_id", "user_id", "token_id", "article_id", "emoji"):
        path = path.replace(f"{{{name}}}", value)
    return path


@pytest.mark.parametrize("kind", BODIES)
async def test_what_is_no_body_is_refused_by_every_door(admin: Person, kind: str) -> None:
    content, refusal = BODIES[kind]
    for method, path in DOORS_WITH_BODIES:
        if kind == "empty" and path.startswith("/auth/guest"):
            continue
        answer = await admin.ask(method, filled(path), content=content, headers=JSON)
        assert str(answer) == refusal, (method, path)


async def test_a_body_without_a_length_is_cut_where_it_gets_too_large(admin: Person) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 10_000

    for method, path in DOORS_WITH_BODIES:
        answer = await admin.ask(method, filled(path), content=endless(), headers=JSON)
        assert str(answer) == "413 body_too_large", (method, path)
        assert "262144 bytes" in answer.said["detail"]


@pytest.mark.parametrize("length", ["-1", "x", "262145", "9" * 5000, "1_0"])
async def test_a_length_that_is_none_is_refused(admin: Person, length: str) -> None:
    headers = JSON | {"content-length": length}
    assert str(await admin.ask("POST", "/chat/send", content=b"{}", headers=headers)) == "413 body_too_large"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "x", ""])
async def test_a_body_that_is_not_json_is_told_so(admin: Person, kind: str) -> None:
    for method, path in DOORS_WITH_BODIES:
        answer = await admin.ask(method, filled(path), content=b'{"text": "x"}', headers={"content-type": kind})
        assert str(answer) == "415 not_json", (method, path)
        assert "application/json" in answer.said["detail"]


@pytest.mark.parametrize("value", ["x", "1", "..%2F..", "%ff", "x" * 10_000, "%F0%9F%91%8D", "00000000-0000-0000"])
async def test_an_id_that_is_none_is_refused(admin: Person, value: str) -> None:
    for method, path in DOORS:
        if "_id}" in path:
            answer = await admin.ask(method, filled(path, value), {} if (method, path) in DOORS_WITH_BODIES else None)
            assert answer.status in (404, 422), (method, path, str(answer))


async def test_a_nul_in_the_address_is_refused(admin: Person) -> None:
    for method, path in DOORS:
        for address in (f"{filled(path)}?q=%00", f"{filled(path)}%00"):
            assert str(await admin.ask(method, address)) == "400 nul_character", (method, address)


async def test_a_nul_in_a_header_is_refused(house: House) -> None:
    for name in ("user-agent", "x-request-id", "authorization"):
        answer = await house.ask("POST", "/auth/guest", {}, headers={name.encode(): b"a\x00b"})
        assert str(answer) == "400 nul_character"
        assert f"`{name}`" in answer.said["detail"]


@pytest.mark.parametrize(
    "query", ["q=%ff%fe", "tag=%ed%a0%80", "before=%ff", "q=" + "x" * 60_000, "limit=" + "9" * 5000]
)
async def test_a_strange_query_is_no_fault_of_ours(admin: Person, query: str) -> None:
    group = await admin.opens("group")
    answer = await admin.ask("GET", f"/chat/history?thread_id={group['id']}&{query}")
    assert answer.status in (200, 422), str(answer)


MOMENTS = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]


@pytest.mark.parametrize(
    "moment", [*MOMENTS, "0", "1e3", "2024-01-01T00:00:00", "yesterday", "1e400", "2024-02-30T00:00:00Z"]
)
@pytest.mark.parametrize("field", ["since", "until"])
async def test_a_moment_outside_of_the_calendar_is_refused(admin: Person, field: str, moment: str) -> None:
    group = await admin.opens("group")
    answer = await admin.ask("GET", "/chat/history", params={"thread_id": group["id"], field: moment})
    assert str(answer) == "422 invalid_input"
    assert [fault["field"] for fault in answer.said["faults"]] == [f"query.{field}"]


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "é",
        "////",
        "=",
        "AAAA",
        *(base64.urlsafe_b64encode(f"{one} {NOWHERE}".encode()).decode() for one in MOMENTS),
    ],
)
async def test_a_cursor_that_is_none_is_refused(admin: Person, cursor: str) -> None:
    assert str(await admin.ask("GET", "/chat/threads", params={"cursor": cursor})) == "422 bad_cursor"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"text": "x\x00y"}, "NUL"),
        ({"text": "x\ud800y"}, "whole characters"),
        ({"text": "\udfff"}, "whole characters"),
        ({"text": "x", "client_id": "\udbff"}, "whole characters"),
        ({"text": "x", "client_id": "x" * 129}, "128"),
        ({"text": "x", "client_id": ""}, "write at least 1 character"),
        ({"text": "x", "tags": ["\ud800"]}, "whole characters"),
        ({"text": "x", "tags": ["a b"]}, "letters, digits"),
        ({"text": "x", "tags": ["a"] * 21}, "20"),
        ({"text": "x", "tags": ["a" * 51]}, "50"),
        ({"text": "x", "reply_to": "x"}, "UUID"),
        ({"text": "x", "payload": [1]}, "give an object"),
        ({"text": "x", "payload": {"a": "\x00"}}, "NUL"),
        ({"text": "x", "payload": {"\x00": 1}}, "NUL"),
        ({"text": "x", "payload": {"a": ["\ud800"]}}, "whole characters"),
        ({"text": "x", "payload": {"a": [{"\udfff": 1}]}}, "whole characters"),
        ({"text": "x", "payload": {"a": float("nan")}}, "NaN"),
        ({"text": "x", "payload": {"a": [float("-inf")]}}, "Infinity"),
        ({"text": "x", "payload": {"a": "x" * 16_384}}, "16384"),
        ({"text": ""}, "visible"),
        ({"text": " \n\t\u2003 "}, "visible"),
        ({"text": "\x01\x02"}, "visible"),
        ({"text": "x" * 200_000}, "4096"),
        ({"text": "x", "thread_id": 5}, "UUID"),
        ({"text": None}, "string"),
        ({}, "required"),
    ],
)
async def test_a_message_that_cannot_be_kept_is_refused_with_the_reason(
    admin: Person, body: dict[str, Any], words: str
) -> None:
    answer = await admin.ask("POST", "/chat/send", body)
    assert answer.status == 422
    assert words in answer.said["detail"]


# What fits hardly any field; and the voices that are not ours.
WRONG: list[Any] = [None, True, -1, 1.5, 10**30, "", " ", "x" * 3000, "\ud800", [], [1], ["x"] * 200, {}, {"a": 1}]
FOREIGN = ("should", "Input", "valid ", "Value error", "Field required", "permitted", "UUID input", "match")


async def test_every_wrong_value_is_told_in_our_own_voice(admin: Person) -> None:
    told: set[str] = set()
    for method, path in DOORS_WITH_BODIES:
        form = DOCUMENT["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]["schema"]
        fields = DOCUMENT["components"]["schemas"][form["$ref"].rpartition("/")[2]]["properties"]
        for wrong in WRONG:
            # The surplus field keeps what happens to fit from being done.
            answer = await admin.ask(method, filled(path), dict.fromkeys(fields, wrong) | {"surplus": 1})
            told |= {fault["message"] for fault in answer.said["faults"]}
    for method, path in DOORS:
        for wrong in ("", "x", "-1", "9" * 30, "1.5"):
            names = [place["name"] for place in DOCUMENT["paths"][path][method.lower()].get("parameters", [])]
            answer = await admin.ask(method, filled(path, wrong or "x"), params=dict.fromkeys(names, wrong))
            told |= (
                {fault["message"] for fault in (answer.said or {}).get("faults", [])} if answer.status == 422 else set()
            )
    assert len(told) > 25
    assert [words for words in told for voice in FOREIGN if voice in words] == []


@pytest.mark.parametrize("heart", [1, "\x00", "\ud800", {"a": []}], ids=["number", "nul", "surrogate", "object"])
async def test_a_payload_of_any_depth_is_kept_or_refused(admin: Person, heart: Any) -> None:
    group = await admin.opens("group")
    for depth in (1, 60, 66, 150, 300, *range(880, 925)):
        payload = heart
        for _ in range(depth):
            payload = {"a": payload} if depth % 2 else [payload]
        body = {"text": "x", "thread_id": group["id"], "payload": {"a": payload}}
        answer = await admin.ask("POST", "/chat/send", body)
        is_fine = depth <= 60 and heart not in ("\x00", "\ud800")
        assert answer.status in ((201,) if is_fine else (400, 422)), depth


@pytest.mark.parametrize("emoji", ["%20", "%0a", "x" * 33, "%01"])
async def test_a_reaction_that_is_none_is_refused(admin: Person, emoji: str) -> None:
    said = await admin.says("hello", await admin.opens("group"))
    answer = await admin.ask("PUT", f"/chat/message/{said['id']}/reactions/{emoji}")
    assert str(answer) == "422 invalid_input"


@pytest.mark.parametrize(
    ("method", "path", "refusal"),
    [
        ("GET", "/nowhere", "404 no_such_route"),
        ("GET", "/chat/nothing", "404 no_such_route"),
        ("GET", "/chat//history", "404 no_such_route"),
        ("GET", "/%2e%2e/etc/passwd", "404 no_such_route"),
        ("PUT", "/chat/send", "405 method_not_allowed"),
        ("PROPFIND", "/chat/history", "405 method_not_allowed"),
    ],
)
async def test_an_address_that_is_none_is_refused(admin: Person, method: str, path: str, refusal: str) -> None:
    answer = await admin.ask(method, path)
    assert str(answer) == refusal
    assert ("allow" in answer.headers) == (answer.status == 405)


async def test_a_wrong_method_is_told_all_the_right_ones(admin: Person) -> None:
    for path, doors in DOCUMENT["paths"].items():
        answer = await admin.ask("OPTIONS", filled(path))
        assert set(answer.headers["allow"].split(", ")) == {method.upper() for method in doors}, path


@pytest.mark.parametrize("token", ["x", "a.b.c", "\u00e9", "[" * 1400, "parley_pat_" + "x" * 100, " ", "x" * 100_000])
async def test_a_token_that_is_none_is_refused(house: House, token: str) -> None:
    header = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=") + ".e30.e30"
    for word in (token.encode(), header.encode()):
        answer = await house.ask("GET", "/auth/me", headers={b"authorization": b"Bearer " + word})
        assert answer.status == 401
