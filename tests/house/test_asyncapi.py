"""/asyncapi.json: valid by AsyncAPI's own schema, whole in itself, and about everything that the socket speaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec import Raw

from server.asyncapi import COMMANDS, UNANSWERED, codes, document
from server.chat.calls import CALLS
from server.chat.events import HEARD
from server.chat.names import KINDS
from server.realtime import protocol
from server.realtime.codec import JSON
from server.realtime.protocol import Command, Reply

SCHEMA = Path(__file__).parents[1] / "sdk/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"
DOCUMENT = document("http://127.0.0.1:8000/")


def references(part: Any) -> Iterator[str]:
    """Every `$ref` in this part of the document."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def found(reference: str) -> Any:
    part: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return part


def check(message: str, said: Any) -> None:
    """What was said is a message of the socket as the document has it."""
    payload = DOCUMENT["channels"]["socket"]["messages"][message]["payload"]
    jsonschema.Draft202012Validator({**payload, "components": DOCUMENT["components"]}).validate(said)


@pytest.mark.skipif(not SCHEMA.exists(), reason="needs `npm ci` in tests/sdk")
def test_it_is_valid_by_the_schema_of_asyncapi() -> None:
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text())).validate(DOCUMENT)


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    for reference in set(references(DOCUMENT)):
        assert found(reference)
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert set(DOCUMENT["components"]["schemas"]) == {
        reference.rpartition("/")[2] for reference in references(DOCUMENT) if "/schemas/" in reference
    }


def test_operations_speak_of_messages_of_their_channel() -> None:
    for operation in DOCUMENT["operations"].values():
        for part in filter(None, (operation, operation.get("reply"))):
            home = part["channel"]["$ref"]
            assert part["messages"]
            assert all(each["$ref"].startswith(f"{home}/messages/") for each in part["messages"])


def test_all_that_the_socket_speaks_is_in_it() -> None:
    operations, channels = DOCUMENT["operations"], DOCUMENT["channels"]
    assert set(COMMANDS) == set(Command.__struct_fields__) - {"id"}
    assert set(COMMANDS) - UNANSWERED == set(Reply.__struct_fields__) - {"id", "error", "push"}
    assert operations.keys() >= {*COMMANDS, *CALLS}
    assert channels.keys() == {"socket", *(each.kind for each in KINDS)}
    for kind, events in HEARD.items():
        assert channels[kind]["messages"].keys() >= {event.__struct_config__.tag for event in events}
    assert list(channels["socket"]["x-close-codes"]) == [str(each.code) for each in codes(protocol.Close)]
    assert {"1009", "3001", "3500"} <= channels["socket"]["x-close-codes"].keys()


def test_it_names_the_address_it_was_asked_at() -> None:
    assert DOCUMENT["servers"]["parley"]["protocol"] == "ws"
    behind_a_proxy = document("https://chat.example.com/parley/")["servers"]["parley"]
    assert behind_a_proxy["protocol"] == "wss"
    assert behind_a_proxy["host"] == "chat.example.com"
    assert behind_a_proxy["pathname"] == "/parley/connection/websocket"


MISSED = (protocol.Published(Raw(b"1"), 4),)
OWN = {"user:1": protocol.SubscribeResult()}


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        ("connect.reply", Reply(1, connect=protocol.ConnectResult("c", "v", True, 9, OWN, 25, True))),
        ("subscribe.reply", Reply(2, subscribe=protocol.SubscribeResult(publications=MISSED, recovered=True))),
        ("presence.reply", Reply(3, presence=protocol.PresenceResult({"c": protocol.ClientInfo("u", "c")}))),
        ("history.reply", Reply(3, history=protocol.HistoryResult(MISSED, "e", 4))),
        ("publish.reply", Reply(4, publish=protocol.EMPTY)),
        ("error", Reply(5, error=protocol.UNRECOVERABLE)),
        ("push", Reply(push=protocol.Push("c", unsubscribe=protocol.EXPELLED))),
        ("keepalive", protocol.PING),
    ],
)
def test_what_is_written_is_what_it_says(message: str, reply: Reply) -> None:
    frame = JSON.write(reply)
    check(message, json.loads(frame[frame.index(b"{") :]))


def test_what_it_does_not_say_is_refused() -> None:
    for wrong in ({"id": 1}, {"id": 0, "error": {}}, {"id": 1, "error": {"code": 4, "message": ""}}):
        with pytest.raises(jsonschema.ValidationError):
            check("error", wrong)
