"""docs/protocol.md names everything that the socket speaks, and nothing that it does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec import structs

from server.asyncapi import COMMANDS, codes
from server.chat.calls import CALLS
from server.chat.events import HEARD, Event
from server.chat.names import KINDS
from server.chat.schemas import ChatMessageRequest, MessageView
from server.config import Settings
from server.realtime import protocol

PAGE = Path(__file__).resolve().parents[2].joinpath("docs", "protocol.md").read_text()
NAME = re.compile(r"`([^`]+)`")
EVENTS = {str(event.__struct_config__.tag): event for events in HEARD.values() for event in events}


def tables(heading: str) -> list[list[list[str]]]:
    """The tables whose first heading this is: the cells of their rows."""
    found = [table.splitlines() for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)]
    rows = [table[2:] for table in found if table[0].startswith(f"| {heading} |".replace("  ", " "))]
    return [[[cell.strip() for cell in line.strip("|").split("|")] for line in lines] for lines in rows]


def rows(heading: str) -> list[list[str]]:
    """The rows of the one table whose first heading this is."""
    (found,) = tables(heading)
    return found


def names(cell: str) -> set[str]:
    return set(NAME.findall(cell))


def firsts(table: list[list[str]]) -> list[str]:
    """What the rows of a table are about."""
    return [name for row in table for name in NAME.findall(row[0])]


def test_the_channels() -> None:
    table = {re.sub(r"<.*>", "", NAME.findall(row[0])[0]): row for row in rows("channel")}
    assert set(table) == {kind.address.partition("{")[0] for kind in KINDS}
    for kind in KINDS:
        row = table[kind.address.partition("{")[0]]
        assert (row[2], row[3]) == ("yes" if kind.has_stream else "no", "yes" if kind.has_presence else "no")


def test_the_events() -> None:
    assert set(firsts(rows("type"))) == set(EVENTS)
    for row in rows("type"):
        (kind,) = names(row[0])
        assert names(row[1]) == {each.address.partition("{")[0] for each in KINDS if EVENTS[kind] in HEARD[each.kind]}
        assert fields(EVENTS[kind]) == {name for name in names(row[2]) if name not in ("read", "post", "manage")}


def fields(event: type[Event]) -> set[str]:
    return {field.name for field in structs.fields(event)} - {"thread_id", "campaign_id"}


def test_the_calls() -> None:
    assert firsts(rows("method")) == list(CALLS)
    for row in rows("method"):
        (method,) = names(row[0])
        form = CALLS[method].form
        shown: dict[str, str] = dict(re.findall(r"`(\w+)`(\*?)", re.sub(r"\(.*?\)", "", row[1])))
        if form is not ChatMessageRequest:
            assert set(shown) == set(form.model_fields), method
        needed = {name for name, field in form.model_fields.items() if field.is_required()}
        assert {name for name, is_needed in shown.items() if is_needed} == needed, method
        assert names(row[2]) - {"{}"} <= set(CALLS[method].answer.model_fields), method


def test_a_message_as_it_is_heard_and_as_it_is_posted() -> None:
    heard, posted = tables("field")
    assert set(firsts(heard)) == set(MessageView.model_fields)
    assert set(firsts(posted)) == set(ChatMessageRequest.model_fields) - {"thread_id"}


@pytest.mark.parametrize(
    ("heading", "kind"), [("code", protocol.Error), ("close", protocol.Close), ("unsubscribe", protocol.Unsubscribe)]
)
def test_the_codes(heading: str, kind: type[protocol.Error]) -> None:
    assert [int(row[0]) for row in rows(heading)] == [each.code for each in codes(kind)]


def test_the_words_of_the_protocol_itself() -> None:
    known = {error.code: error.message for error in codes(protocol.Error)}
    for row in rows("code"):
        assert set(re.findall(r'"([^"]+)"', row[2])) <= {known[int(row[0])]}


def test_the_codes_of_problems_are_raised_somewhere() -> None:
    server = Path(__file__).resolve().parents[2] / "server"
    source = "\n".join(path.read_text() for path in server.rglob("*.py"))
    for row in rows("code"):
        assert {name for name in names(row[2]) if f'"{name}"' not in source} == set()


def test_the_settings() -> None:
    known = {name.upper() for name in Settings.model_fields}
    assert set(re.findall(r"`([A-Z][A-Z_]+)`", PAGE)) <= known
    assert {"SOCKETS", "SOCKETS_PER_USER", "COMMANDS_PER_SECOND"} <= names("".join(row[2] for row in tables("")[0]))


def test_the_commands() -> None:
    assert {command for command in COMMANDS if f"`{command}`" not in PAGE} <= {"unsubscribe", "ping"}
