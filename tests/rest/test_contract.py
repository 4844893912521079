"""What OpenAPI promises is what the doors do: Schemathesis asks a real server everything that the document allows."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import schemathesis
import uvicorn
from schemathesis.config import (
    ChecksConfig,
    GenerationConfig,
    PhasesConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    StatefulPhaseConfig,
)
from schemathesis.engine import from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished

from server.main import create_app
from tests.eventually import eventually
from tests.rest.house import House, Person, settings_of

EXAMPLES = 12  # random questions a door, beyond those that the coverage of its schema takes


@pytest.fixture(scope="module")
async def address(database_url: str, redis_url: str) -> AsyncIterator[str]:
    """The whole application behind uvicorn."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as uvloop has it; else every answer waits 40 ms
    app = create_app(settings_of(database_url, redis_url))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_level="warning"))
    running = asyncio.create_task(server._serve([listening]))  # `serve` would take the signals, which are pytest's
    await eventually(lambda: server.started)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await running


def inspect(address: str, token: str, known: Mapping[str, str]) -> tuple[set[str], set[str]]:
    """The doors that did what they were asked, at least once, and what was wrong with any answer.

    `known` are values to ask with.
    """
    project = ProjectConfig(
        headers={"Authorization": f"Bearer {token}"} if token else None,
        parameters={"wait": 0.1, **known},  # nobody answers here: whoever waits long waits in vain
        generation=GenerationConfig(max_examples=EXAMPLES, deterministic=True, database="none", no_shrink=True),
        phases=PhasesConfig(stateful=StatefulPhaseConfig(enabled=False)),
        # Not everything that a schema allows makes sense together: a room needs a name, a group must not have one.
        checks=ChecksConfig(positive_data_acceptance=PositiveDataAcceptanceConfig(enabled=False)),
        continue_on_failure=True,
    )
    config = SchemathesisConfig(projects=ProjectsConfig(default=project))
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json", config=config)
    served, found = set(), set()
    for event in from_schema(schema).execute():
        if isinstance(event, FatalError):
            raise event.exception
        if isinstance(event, NonFatalError):
            found.add(f"{event.label}: {event.value!r}")
        if isinstance(event, ScenarioFinished):
            answers = [each.response for each in event.recorder.interactions.values() if each.response is not None]
            served |= {event.recorder.label for answer in answers if answer.status_code < 300}
            nodes = [node for checks in event.recorder.checks.values() for node in checks]
            wrong = [(node.name, node.failure_info) for node in nodes if node.failure_info is not None]
            found |= {f"{event.label}: {name}: {info.failure}\n{info.code_sample}" for name, info in wrong}
    return served, found


async def scenery(house: House, admin: Person) -> dict[str, str]:
    """A thread with a message that an operator may do everything with."""
    ada = await house.person()
    said = await ada.says("hello #tag", payload={"a": [1, None]}, client_id="c")
    await admin.says("an answer", {"id": said["thread_id"]}, reply_to=said["id"])
    await admin.put(f"/chat/message/{said['id']}/reactions/x")
    await ada.patch(f"/chat/message/{said['id']}", text="hello again")
    return {"thread_id": said["thread_id"], "message_id": said["id"], "user_id": str(ada.id)}


# Every door many times: minutes on a busy machine. Our server is in this process and rolls its dice while Hypothesis
# draws: it takes those for a strategy's.
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize(("role", "count"), [("nobody", 7), ("user", 22), ("admin", 25)])
async def test_the_doors_keep_what_openapi_promises(house: House, address: str, role: str, count: int) -> None:
    person = await house.person(role="admin" if role == "admin" else "user")
    known: dict[str, Any] = await scenery(house, person) if role == "admin" else {}
    token = "" if role == "nobody" else person.token
    served, found = await asyncio.to_thread(inspect, address, token, known)
    assert found == set(), "\n\n".join(sorted(found))
    assert len(served) >= count, sorted(served)
