"""An endpoint that may answer tags messages, names their language, describes contacts and replies: once an event."""

from __future__ import annotations

import json
from typing import Any

import asyncpg

from server import ids
from tests.eventually import eventually
from tests.hooks.installation import Installation
from tests.hooks.receiver import Receiver, receiver

PATIENCE_SECONDS = 40.0
CONTACT = """
INSERT INTO contacts (id, bot_id, chat_id, thread_id, kind, name, attributes)
VALUES ($1, 1, 1, $2, 'private', 'Ann', '{"age": 30, "city": "Bern"}')
"""


async def history(home: Installation) -> list[Any]:
    """The messages of the visitor's group, the oldest first."""
    answer = await home.visitor.call("GET", f"/chat/history?thread_id={home.groups[0]}&limit=100")
    return sorted(answer.body["messages"], key=lambda message: message["number"])


async def notes(home: Installation, endpoint: Any) -> list[str]:
    """What became of the answers, in the order of the requests."""
    return [attempt["note"] for attempt in reversed(await home.log(endpoint))]


def answering(one: Receiver, **answer: Any) -> None:
    """Have it answer this from now on."""
    one.text = json.dumps(answer)


async def test_an_answer_is_carried_out_once_and_never_answers_itself(home: Installation) -> None:
    async with receiver() as one, receiver() as other:
        facts = {"tier": "gold", "n": 3, "age": None}
        answering(one, tags=["#Parcel"], language="eo", reply="We look into it.", attributes=facts)
        endpoint = await home.endpoint(one.url(), kinds=["message.posted"], may_answer=True)
        await home.endpoint(other.url(), kinds=["contact.changed"])
        opened = (await home.visitor.call("POST", "/chat/threads", {"kind": "group"})).body["id"]
        home.groups.append(opened)
        connection = await asyncpg.connect(home.server.environment["DATABASE_URL"])
        try:
            await connection.execute(CONTACT, ids.new(), opened)
            said = await home.says("Where is my parcel? #urgent")
            await eventually(lambda: len(one.first()) == 2, within=PATIENCE_SECONDS)
            replay = {"event_id": said["id"]}
            assert (await home.ask("POST", f"/hooks/{endpoint['id']}/replay", replay))["events"] == 1
            expected = ["carried out: tags, language, attributes, reply", "not carried out: only what people say is"]
            expected += ["carried out: an answer before"]

            async def are_noted() -> bool:
                found = await notes(home, endpoint)
                assert len(found) == 3, found
                return all(note.startswith(word) for note, word in zip(found, expected, strict=True))

            await eventually(are_noted, within=PATIENCE_SECONDS)
            question, reply = await history(home)
            kept = await connection.fetchval("SELECT attributes FROM contacts WHERE thread_id = $1", opened)
        finally:
            await connection.close()
        assert (question["tags"], question["language"]) == (["urgent", "parcel"], "eo")
        assert (question["text"], question["edited_at"]) == (said["text"], None)
        assert (reply["text"], reply["reply_to"], reply["author_kind"]) == ("We look into it.", said["id"], "assistant")
        (told,) = await eventually(lambda: other.first(), within=PATIENCE_SECONDS)
        assert told.data["attributes"] == json.loads(kept)
        assert json.loads(kept) == {"city": "Bern", "tier": "gold", "n": 3}, "a null removes"


async def test_what_cannot_be_read_is_refused_whole_and_said_in_the_log(home: Installation) -> None:
    wrong = {
        "thank you": "refused: this is not JSON",
        '{"reply": "yes", "mood": "good"}': "refused: mood: there is no such field",
        '{"tags": ["two words"], "reply": "yes"}': "refused: tags.0: ",
        '{"language": "English"}': "refused: language: ",
        '{"reply": " "}': "refused: reply: ",
        '{"attributes": {"a": [1]}, "reply": "yes"}': "refused: attributes.a: give a text",
        '{"attributes": {"a": NaN}}': "refused: attributes.a: give a text",
        '{"attributes": {"first name": "Ann"}}': "refused: attributes.first name.[key]: begin with a letter",
        '{"attributes": {"timezone": "Mars/Olympus"}, "tags": ["late"]}': "refused: attributes.`timezone`: name a",
        '{"reply": "%s"}' % ("x" * 5000): "refused: reply: ",
        '{"reply": "%s"}' % ("x" * 20000): "refused: it is longer than",
        "": "",
        "{}": "carried out: nothing",
    }
    async with receiver() as one, receiver() as mute:
        endpoint = await home.endpoint(one.url(), kinds=["message.posted"], may_answer=True)
        without_right = await home.endpoint(mute.url(), kinds=["message.posted"])
        answering(mute, reply="I may not.")
        for number, text in enumerate(wrong, 1):
            one.text = text
            await home.says(f"{number}")

            async def is_logged() -> bool:
                return len(await home.log(endpoint)) == number  # noqa: B023

            await eventually(is_logged, within=PATIENCE_SECONDS)
        found = await notes(home, endpoint)
        for note, expected in zip(found, wrong.values(), strict=True):
            assert note.startswith(expected), (note, expected)
        await eventually(lambda: len(mute.taken) == len(wrong), within=PATIENCE_SECONDS)
        assert {attempt["outcome"] for attempt in await home.log(endpoint)} == {"delivered"}
        assert set(await notes(home, without_right)) == {""}
        assert [message["text"] for message in await history(home)] == [str(n) for n in range(1, len(wrong) + 1)]


async def test_where_an_operator_answers_no_endpoint_does(home: Installation) -> None:
    async with receiver() as one:
        answering(one, tags=["parcel"], reply="I answer, too.")
        endpoint = await home.endpoint(one.url(), kinds=["message.posted"], may_answer=True)
        one.is_open.clear()
        said = (await home.visitor.call("POST", "/chat/send", {"text": "I want to talk to a person"})).body
        await eventually(lambda: one.heard, within=PATIENCE_SECONDS)
        await home.ask("POST", f"/chat/threads/{said['thread_id']}/take")
        one.is_open.set()

        async def is_noted() -> bool:
            return any("no reply (an operator looks after the thread)" in note for note in await notes(home, endpoint))

        await eventually(is_noted, within=PATIENCE_SECONDS)
        home.groups.append(said["thread_id"])
        found = await history(home)
        assert found[0]["tags"] == ["parcel"]
        assert endpoint["id"] not in {message["author_id"] for message in found}
