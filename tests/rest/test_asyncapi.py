"""What /asyncapi.json promises is what the socket does: every call is asked and answered as the document says."""

from __future__ import annotations

from typing import Any

import jsonschema

from server import ids
from server.chat.calls import CALLS
from server.chat.names import KINDS
from tests.broadcast.square import campaign
from tests.rest.house import House, Person, open_house


class Scribe:
    """Somebody who holds every call against the document."""

    def __init__(self, person: Person, document: dict[str, Any]) -> None:
        self.called: set[str] = set()
        self._person = person
        self._document = document

    async def calls(self, method: str, **data: Any) -> Any:
        self._check(method, {"id": 1, "rpc": {"method": method, "data": data}})
        answer = await self._person.calls(method, **data)
        self._check(f"{method}.reply", {"id": 1, "rpc": {"data": answer}})
        self.called.add(method)
        return answer

    def _check(self, message: str, said: Any) -> None:
        payload = self._document["channels"]["socket"]["messages"][message]["payload"]
        jsonschema.Draft202012Validator({**payload, "components": self._document["components"]}).validate(said)


async def test_every_call_takes_and_answers_what_the_document_says(house: House) -> None:
    document = (await house.ask("GET", "/asyncapi.json")).said
    scribe = Scribe(await house.person(), document)
    said = await scribe.calls("chat.post", text="Is there any #tea left?", payload={"a": [1]}, client_id="1")
    thread, message = {"thread_id": said["thread_id"]}, {"message_id": said["id"]}
    await scribe.calls("chat.react", **message, emoji="❤")
    await scribe.calls("chat.edit", **message, text="Is there any left?", tags=["tea"])
    await scribe.calls("chat.delete", **message)
    await scribe.calls("chat.read", **thread, number=1)
    await scribe.calls("chat.typing", **thread)
    await scribe.calls("chat.history", **thread, limit=10)
    await scribe.calls("chat.threads", mine=True)
    operator = await house.person("Olga", role="operator")
    handler = Scribe(operator, document)
    await handler.calls("chat.take", **thread)
    await handler.calls("chat.transfer", **thread, user_id=str(operator.id))
    await handler.calls("chat.release", **thread)
    assert scribe.called | handler.called == set(CALLS)


async def test_channels_keep_what_they_are_said_to_keep(house: House) -> None:
    operator = await house.person("Olga", role="operator")
    thread = await operator.opens("group")
    names = {"thread_id": thread["id"], "name": f"r{ids.new().hex}", "user_id": operator.id}
    names["campaign_id"] = (await campaign(operator, "nobody"))["id"]
    rooms = house.node.rooms
    who = await rooms.sign_in(operator.token)
    for kind in KINDS:
        entry = await rooms.join(who, kind.address.format(**names))
        assert (bool(entry.position.epoch), entry.with_presence) == (kind.has_stream, kind.has_presence), kind


async def test_the_document_names_the_address_that_people_use(house: House, database_url: str, redis_url: str) -> None:
    here = (await house.ask("GET", "/asyncapi.json")).said["servers"]["parley"]
    assert (here["protocol"], here["host"]) == ("ws", "parley.test")
    async with open_house(database_url, redis_url, public_url="https://chat.example.com") as public:
        there = (await public.ask("GET", "/asyncapi.json")).said["servers"]["parley"]
        assert (there["protocol"], there["host"]) == ("wss", "chat.example.com")
