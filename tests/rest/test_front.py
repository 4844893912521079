"""What stands before every door: documentation, health, figures, request ids, and who may ask from a browser."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest

from server import ids
from server.auth.constants import Role
from server.errors import Limited
from server.web import problem_response
from tests.engines import named
from tests.eventually import eventually
from tests.rest.house import House, open_house

SIGNING_IN = ("/auth/login", "/auth/refresh", "/auth/logout", "/bot/webhook")  # what proves itself in its own way
PLAIN = ("ReadMark", "MemberChange", "Transfer", "Feedback")  # one field, which says it all
NOWHERE_DATABASE = "postgresql://nobody@127.0.0.1:1/nothing"
NOWHERE_REDIS = "redis://127.0.0.1:1/0"


async def test_the_page_of_the_documentation_may_load_what_it_needs_and_no_more(house: House) -> None:
    page = await house.ask("GET", "/docs")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert "'unsafe-inline'" not in policy["script-src"]
    wanted = re.findall(r'<script src="([^"]+)"', page.said) + re.findall(r'stylesheet" href="([^"]+)"', page.said)
    assert len(wanted) == 2
    for address, kind in zip(wanted, ("script-src", "style-src"), strict=True):
        assert policy[kind].startswith("'self' "), "the page opens without the internet"
        file = await house.ask("GET", address)
        assert file.status == 200
        assert file.headers["content-type"].split(";")[0] == {"script-src": "text/javascript"}.get(kind, "text/css")
        assert len(file.said) > 100_000
    assert "://" not in "".join(policy.values())
    scripts = re.findall(r"<script>(.*?)</script>", page.said, re.DOTALL)
    for script in scripts:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy["script-src"]
    assert "/openapi.json" in "".join(scripts)
    assert "script-src" not in (await house.ask("GET", "/openapi.json")).headers["content-security-policy"]


async def test_every_error_is_documented_as_a_problem(house: House) -> None:
    document = (await house.ask("GET", "/openapi.json")).said
    assert "ProblemView" in document["components"]["schemas"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, doors in document["paths"].items():
        for method, door in doors.items():
            answers: dict[str, Any] = door["responses"]
            if path.startswith(("/health", "/metrics")):
                continue
            assert door["summary"].lower() != door["operationId"].split("_")[0], (method, path)
            assert {"400", "413", "422", "500", "503"} <= set(answers), (method, path)
            assert ("401" in answers) == ("security" in door or path in SIGNING_IN), (
                method,
                path,
            )
            for status, answer in answers.items():
                if status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"], (method, path, status)
            if "application/json" in door.get("requestBody", {}).get("content", {}):
                schema = door["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                assert document["components"]["schemas"][schema].get("examples") or schema in PLAIN, schema


async def test_every_door_and_each_of_its_parameters_is_described(house: House) -> None:
    document = (await house.ask("GET", "/openapi.json")).said
    doors = [(f"{method} {path}", door) for path, both in document["paths"].items() for method, door in both.items()]
    assert [name for name, door in doors if not door.get("description")] == []
    summaries = [door["summary"] for _, door in doors]
    assert len(set(summaries)) == len(summaries)
    assert [summary for summary in summaries if len(summary.split()) < 2 or len(summary) > 45] == []
    places = [(name, place) for name, door in doors for place in door.get("parameters", [])]
    assert [(name, place["name"]) for name, place in places if not place.get("description")] == []


async def test_an_answer_carries_the_id_of_its_request(house: House) -> None:
    mine = f"trace-{ids.new()}"
    assert (await house.ask("GET", "/health/live", headers={"x-request-id": mine})).headers["x-request-id"] == mine
    refused = await house.ask("GET", "/auth/me", headers={"x-request-id": mine})
    assert refused.said["request_id"] == mine
    seen = set()
    for strange in ("", "x" * 65, "a b", "<script>", "é".encode(), "a\nb", "--"):
        answer = await house.ask("GET", "/health/live", headers={"x-request-id": strange})
        assert answer.headers["x-request-id"] != strange
        seen.add(answer.headers["x-request-id"])
    assert len(seen) == 7


async def test_every_answer_is_guarded_against_browsers(house: House) -> None:
    for path in ("/health/live", "/nothing", "/auth/me", "/metrics"):
        headers = (await house.ask("GET", path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"].startswith("default-src 'none'")


async def test_pages_elsewhere_may_ask_when_they_are_allowed(database_url: str, redis_url: str) -> None:
    async with open_house(database_url, redis_url, allowed_origins=["https://Shop.example:443/"]) as house:
        asked = {"origin": "https://shop.example", "access-control-request-method": "PATCH"}
        asked["access-control-request-headers"] = "authorization, content-type"
        allowed = await house.ask("OPTIONS", "/auth/me", headers=asked)
        assert allowed.status == 200
        assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
        assert "PATCH" in allowed.headers["access-control-allow-methods"]
        for path in ("/health/live", "/auth/me", "/nothing"):
            headers = (await house.ask("GET", path, headers={"origin": "https://shop.example"})).headers
            assert headers["access-control-allow-origin"] == "https://shop.example"
            assert "x-request-id" in headers["access-control-expose-headers"].lower()
        too_large = await house.ask("POST", "/chat/send", content=b"x" * 300_000, headers=asked)
        assert too_large.headers["access-control-allow-origin"] == "https://shop.example"
        stranger = await house.ask("GET", "/health/live", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in stranger.headers


async def test_pages_elsewhere_may_not_ask_otherwise(house: House) -> None:
    answer = await house.ask("GET", "/health/live", headers={"origin": "https://shop.example"})
    assert "access-control-allow-origin" not in answer.headers


async def test_who_takes_the_socket_for_a_page_is_told_better(house: House) -> None:
    answer = await house.ask("GET", "/connection/websocket")
    assert str(answer) == "426 upgrade_required"
    assert answer.headers["upgrade"] == "websocket"
    assert "WebSocket" in answer.said["detail"]


async def test_requests_and_posts_are_counted_by_route(house: House) -> None:
    ada = await house.person()
    said = await ada.says("hello")

    async def counted(name: str) -> float:
        lines = (await house.ask("GET", "/metrics")).said.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    reads = 'parley_requests_total{method="GET",route="/chat/message/{message_id}",status="200"}'
    before, posts = await counted(reads), await counted("parley_posts_total")
    await ada.get(f"/chat/message/{said['id']}")
    await ada.says("hello")
    assert await counted(reads) == before + 1
    assert await counted("parley_posts_total") == posts + 1
    assert said["id"] not in (await house.ask("GET", "/metrics")).said


async def test_a_page_asked_for_again_has_the_headers_of_one_answer(house: House) -> None:
    first, *_, last = [await house.ask("GET", "/docs") for _ in range(4)]
    assert len(last.headers.multi_items()) == len(first.headers.multi_items())


async def test_a_house_that_is_whole_is_ready(house: House) -> None:
    async def is_ready() -> bool:
        answer = await house.ask("GET", "/health/ready")
        return answer.status == 200 and set(answer.said.values()) == {"ready"}

    await eventually(is_ready)


@pytest.mark.parametrize("missing", ["database", "bus"])
async def test_what_is_not_ready_is_named(database_url: str, redis_url: str, missing: str) -> None:
    database = NOWHERE_DATABASE if missing == "database" else database_url
    redis = NOWHERE_REDIS if missing == "bus" else redis_url
    async with open_house(database, redis) as house:

        async def is_named() -> bool:
            answer = await house.ask("GET", "/health/ready")
            return answer.status == 503 and [part for part, state in answer.said.items() if state != "ready"] == [
                missing
            ]

        await eventually(is_named)
        assert (await house.ask("GET", "/health/live")).status == 200


@pytest.mark.parametrize("missing", ["server", "database", "person"])
async def test_without_a_database_everybody_is_told_to_come_back(
    database_url: str, redis_url: str, missing: str
) -> None:
    wrong = {
        "server": NOWHERE_DATABASE,
        "database": named(database_url, "no_such_database"),
        "person": database_url.replace("://", "://nobody_of_this_name_"),
    }
    async with open_house(wrong[missing], redis_url) as house:
        token = house.auth.tokens.issue(ids.new(), "Ada", Role.USER, ids.new())
        for method, path, body in (
            ("POST", "/auth/guest", {}),
            ("GET", "/auth/me", None),
            ("GET", "/chat/threads", None),
            ("GET", f"/chat/history?thread_id={ids.new()}", None),
            ("POST", "/chat/send", {"text": "hello", "thread_id": str(ids.new())}),
            ("POST", "/chat/send", {"text": "hello"}),
        ):
            answer = await house.ask(method, path, body, token=token)
            assert str(answer) == "503 database_unavailable", (method, path)
            assert int(answer.headers["retry-after"]) >= 1


async def test_without_redis_messages_are_kept_and_read(database_url: str) -> None:
    async with open_house(database_url, NOWHERE_REDIS) as house:
        ada = await house.guest()
        said = await ada.says("hello")
        assert (await ada.get("/chat/history"))["messages"] == [said]


@pytest.mark.parametrize(("wait", "told"), [(0.001, "1"), (1.0, "1"), (1.2, "2"), (59.01, "60")])
def test_whoever_waits_as_long_as_told_has_waited_long_enough(wait: float, told: str) -> None:
    assert problem_response(Limited("too_many_attempts", retry_after=wait)).headers["retry-after"] == told
