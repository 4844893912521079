"""The assistant end to end: real servers, real workers; asked over an SDK and over REST."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from centrifuge import Client, PublicationContext, SubscriptionEventHandler
from typing_extensions import override

from server.assistant.constants import ASSISTANT
from tests.eventually import eventually
from tests.fleet.server import Server, helper, person, servers

ARTICLES = """key,language,title,text
opening-hours,en,Opening hours,"Our shop is open from Monday to Friday, 9 am to 6 pm."
opening-hours,de,Öffnungszeiten,"Unser Geschäft ist montags bis freitags von 9 bis 18 Uhr geöffnet."
gift-cards,en,Redeeming a gift card,"Enter the code of the gift card at the checkout."
gift-wrapping,en,Gift wrapping,"We wrap a gift for a small fee."
"""
SURE = "What are the opening hours of your shop?"
WAIT_SECONDS = 30.0


@dataclass
class Desk:
    """One installation with an operator and a customer."""

    server: Server
    operator: str
    customer: str

    async def ask(self, token: str, method: str, path: str, body: Any = None) -> Any:
        self.server.http.token = token
        answer = await self.server.http.call(method, path, body)
        assert answer.status < 300, answer
        return answer.body

    async def says(self, text: str, **more: Any) -> Any:
        return await self.ask(self.customer, "POST", "/chat/send", {"text": text, **more})

    async def replies(self, thread: str) -> list[Any]:
        page = await self.ask(self.customer, "GET", f"/chat/history?thread_id={thread}")
        return [each for each in page["messages"] if each["author_kind"] == "assistant"]

    async def reply(self, question: Any) -> Any:
        """The one reply to this question."""

        async def found() -> Any:
            return [each for each in await self.replies(question["thread_id"]) if each["reply_to"] == question["id"]]

        (one,) = await eventually(found, within=WAIT_SECONDS)
        return one

    async def thread(self, thread: str) -> Any:
        return await self.ask(self.customer, "GET", f"/chat/threads/{thread}")

    async def waits(self, thread: str) -> None:
        """Return when the thread waits for a person."""

        async def is_waiting() -> bool:
            return (await self.thread(thread))["waiting_since"] is not None

        await eventually(is_waiting, within=WAIT_SECONDS)

    async def decision(self, question: Any) -> Any:
        """What came of this question, when all of it is done."""

        async def finished() -> Any:
            page = await self.ask(self.operator, "GET", f"/assistant/decisions?thread_id={question['thread_id']}")
            return [each for each in page["decisions"] if each["question_id"] == question["id"] and each["finished_at"]]

        (one,) = await eventually(finished, within=WAIT_SECONDS)
        return one


@asynccontextmanager
async def desk(database_url: str, redis_url: str, **settings: str) -> AsyncIterator[Desk]:
    async with servers(database_url, redis_url, 1, **settings) as (server,):
        operator, operator_id = await person(server, "Olga")
        connection = await asyncpg.connect(database_url)
        await connection.execute("UPDATE users SET role = 'operator', changed_at = now() WHERE id = $1", operator_id)
        await connection.close()
        customer, _ = await person(server, "Ada")
        found = Desk(server, operator, customer)

        async def may() -> bool:
            server.http.token = operator
            return (await server.http.call("GET", "/assistant/articles")).status == 200

        await eventually(may, within=WAIT_SECONDS)
        await found.ask(operator, "POST", "/assistant/imports", {"files": [{"name": "all.csv", "content": ARTICLES}]})
        yield found


@pytest.mark.parametrize("command", ["work", "schedule"])
async def test_a_question_is_answered_from_its_article_once(fresh_database: str, redis_url: str, command: str) -> None:
    async with desk(fresh_database, redis_url) as one:
        asked = await one.says(SURE)
        with helper(one.server, command) as program:
            reply = await one.reply(asked)
            assert reply["author_id"] == str(ASSISTANT)
            assert reply["text"].startswith("Our shop is open from Monday to Friday")
            assert "Opening hours" in reply["text"]
            assert [each["key"] for each in reply["payload"]["assistant"]["articles"]] == ["opening-hours"]
            decision = await one.decision(asked)
            assert (decision["path"], decision["carrier"], decision["language"]) == ("answer", "knowledge", "en")
            assert decision["articles"][0]["key"] == "opening-hours"
            assert decision["reply_id"] == reply["id"]
            await one.ask(one.customer, "PUT", f"/assistant/feedback/{reply['id']}", {"helpful": True})
            assert (await one.decision(asked))["is_helpful"] is True
            assert (await one.thread(asked["thread_id"]))["waiting_since"] is None
            assert await program.stop() == 0
        assert len(await one.replies(asked["thread_id"])) == 1


async def test_who_waits_gets_the_reply_with_the_message(fresh_database: str, redis_url: str) -> None:
    async with desk(fresh_database, redis_url) as one:
        nobody = await one.ask(one.customer, "POST", "/chat/send?wait=0.2", {"text": SURE})
        assert nobody["reply"] is None
        with helper(one.server, "work"):
            await one.reply(nobody)
            asked = {"text": SURE, "client_id": "1"}
            answered = await one.ask(one.customer, "POST", "/chat/send?wait=30", asked)
            assert answered["reply"]["reply_to"] == answered["id"]
            assert answered["reply"]["text"].startswith("Our shop is open")
            again = await one.ask(one.customer, "POST", "/chat/send?wait=30", asked)
            assert (again["id"], again["reply"]) == (answered["id"], answered["reply"])


class Ears(SubscriptionEventHandler):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    @override
    async def on_publication(self, ctx: PublicationContext) -> None:
        self.heard.append(ctx.pub.data)


async def test_over_a_stock_sdk_a_person_is_called_taken_and_given_back(fresh_database: str, redis_url: str) -> None:
    async with desk(fresh_database, redis_url) as one:
        with helper(one.server, "work"):
            first = await one.says("Hello")
            thread = first["thread_id"]
            assert (await one.reply(first))["text"].startswith("Hello!")
            customer = Client(one.server.socket_url, token=one.customer)
            operator = Client(one.server.socket_url, token=one.operator)
            ears, inbox = Ears(), Ears()
            subscription = customer.new_subscription(f"thread:{thread}", ears)
            waiting = operator.new_subscription("inbox", inbox)
            for client, channel in ((customer, subscription), (operator, waiting)):
                await client.connect()
                await channel.subscribe()
            await subscription.publish({"text": "I want to talk to a human, please", "client_id": "1"})
            said = await eventually(
                lambda: [each for each in ears.heard if each.get("author_kind") == "assistant"], within=WAIT_SECONDS
            )
            assert "person" in said[0]["text"]
            await eventually(lambda: [each for each in inbox.heard if each.get("waiting_since")], within=WAIT_SECONDS)
            await operator.rpc("chat.take", {"thread_id": thread})
            await subscription.publish({"text": SURE, "client_id": "2"})
            await operator.rpc("chat.post", {"thread_id": thread, "text": "I am here", "client_id": "3"})
            await operator.rpc("chat.release", {"thread_id": thread})
            await subscription.publish({"text": SURE, "client_id": "4"})
            again = await eventually(
                lambda: [each for each in ears.heard if each.get("author_kind") == "assistant"][1:], within=WAIT_SECONDS
            )
            assert [each["text"][:16] for each in again] == ["Our shop is open"]
            assert (await one.thread(thread))["handled_by"] is None
            await asyncio.gather(customer.disconnect(), operator.disconnect())


async def test_what_is_near_is_offered_and_chosen_with_a_button(fresh_database: str, redis_url: str) -> None:
    async with desk(fresh_database, redis_url) as one:
        with helper(one.server, "work"):
            asked = await one.says("Something about a gift please")
            offer = await one.reply(asked)
            buttons = offer["payload"]["buttons"]
            assert {each["text"] for each in buttons} == {"Redeeming a gift card", "Gift wrapping", "Talk to a person"}
            chosen = next(each for each in buttons if each["text"] == "Gift wrapping")
            answer = await one.reply(await one.says(chosen["text"], payload=chosen["payload"]))
            assert answer["text"].startswith("We wrap a gift")
            last = await one.says(buttons[-1]["text"], payload=buttons[-1]["payload"])
            assert (await one.reply(last))["payload"] == {"assistant": {"path": "asked"}}
            await one.waits(asked["thread_id"])


async def test_who_is_not_understood_is_passed_on(fresh_database: str, redis_url: str) -> None:
    async with desk(fresh_database, redis_url) as one:
        with helper(one.server, "work"):
            asked = await one.says("Why does the moon look larger at the horizon?")
            reply = await one.reply(asked)
            assert reply["payload"] == {"assistant": {"path": "unsure"}}
            await one.waits(asked["thread_id"])


async def test_the_answer_comes_in_the_persons_language_or_says_why_not(fresh_database: str, redis_url: str) -> None:
    async with desk(fresh_database, redis_url) as one:
        with helper(one.server, "work"):
            german = await one.says("Wie sind die Öffnungszeiten von eurem Geschäft?")
            assert (await one.reply(german))["text"].startswith("Unser Geschäft ist")
            page = await one.ask(one.operator, "GET", "/assistant/articles?language=en&q=wrapping")
            button = {"article": page["articles"][0]["id"]}
            english = await one.reply(await one.says("Gift wrapping", payload=button))
            assert english["text"].startswith("Das haben wir bisher nur in dieser Sprache: Englisch.")


@pytest.mark.parametrize(("setting", "chosen"), [("none", None), ("knowledge", "none")])
async def test_without_a_carrier_a_person_is_called_for_everything(
    fresh_database: str, redis_url: str, setting: str, chosen: str | None
) -> None:
    async with desk(fresh_database, redis_url, ASSISTANT=setting) as one:
        asked = await one.says(SURE)
        if chosen is not None:
            await one.ask(one.operator, "PUT", f"/assistant/threads/{asked['thread_id']}", {"carrier": chosen})
        with helper(one.server, "work"):
            assert (await one.reply(asked))["payload"] == {"assistant": {"path": "nobody"}}
