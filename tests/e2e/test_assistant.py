"""The assistant end to end: real servers, real workers; asked over an SDK and over REST."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from centrifuge import Client, PublicationContext, SubscriptionEventHandler
from typing_extensions import override

from server.assistant import meaning
from server.assistant.constants import ASSISTANT
from server.assistant.retrieval import BY_MEANING
from tests.eventually import eventually
from tests.fleet.desk import SURE, WAIT_SECONDS, Desk, desk
from tests.fleet.server import ROOT, helper, person

EXAMPLES = ROOT / "docs" / "examples" / "articles"
START_SECONDS = 90.0


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
            assert again["id"] == answered["id"]
            language = {"language": again["reply"]["language"]}  # which a worker finds out a moment later
            assert again["reply"] == answered["reply"] | language


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


async def test_a_folder_of_articles_answers_in_two_languages_and_passes_on_the_rest(
    fresh_database: str, redis_url: str
) -> None:
    if meaning.found() is None:
        pytest.skip("there is no wheel of the model for this machine")
    async with desk(fresh_database, redis_url) as one:
        files = [{"name": each.name, "content": each.read_text()} for each in EXAMPLES.glob("*.md")]
        came = await one.ask(one.operator, "POST", "/assistant/imports", {"files": files})
        assert came == {"created": 10, "updated": 0, "unchanged": 0}
        connection = await asyncpg.connect(fresh_database)

        async def is_taken_in() -> bool:
            return not await connection.fetchval("SELECT count(*) FROM articles WHERE vector IS NULL")

        with helper(one.server, "schedule"):
            await eventually(is_taken_in, within=START_SECONDS)
            await connection.close()
            english = await one.reply(await one.says("I want to send something back, how does that work?"))
            assert english["text"].startswith("You can send back anything within 30 days.")
            strange = await one.says("Is my data safe from the tax office of Andorra?")
            assert (await one.reply(strange))["payload"] == {"assistant": {"path": "unsure"}}
            await one.waits(strange["thread_id"])
            decision = await one.decision(strange)
            assert decision["model"] is not None
            assert max(each["score"] for each in decision["articles"]) < BY_MEANING.offer
            other, _ = await person(one.server, "Bert")
            german = Desk(one.server, one.operator, other)
            reply = await german.reply(await german.says("Ich habe mein Kennwort vergessen, was nun?"))
            assert reply["text"].endswith("Aus unserem Artikel „Passwort vergessen“.")


async def test_what_is_near_is_offered_and_chosen_with_a_button(fresh_database: str, redis_url: str) -> None:
    async with desk(fresh_database, redis_url) as one:
        with helper(one.server, "work"):
            asked = await one.says("Something about a gift please")
            offer = await one.reply(asked)
            buttons = [button for row in offer["payload"]["buttons"] for button in row]
            assert {each["text"] for each in buttons} == {"Redeeming a gift card", "Gift wrapping", "Talk to a person"}
            chosen = next(each for each in buttons if each["text"] == "Gift wrapping")
            answer = await one.reply(await one.says(chosen["text"], payload={"data": chosen["data"]}))
            assert answer["text"].startswith("We wrap a gift")
            typed = await one.reply(await one.says("redeeming a gift card"))
            assert typed["text"].startswith("Enter the code")
            last = await one.says("That one", payload={"data": buttons[-1]["data"]})
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
            button = {"data": f"article:{page['articles'][0]['id']}"}
            english = await one.reply(await one.says("Gift wrapping", payload=button))
            assert english["text"].startswith("Das haben wir bisher nur in dieser Sprache: Englisch.")


@pytest.mark.parametrize(("setting", "chosen"), [("none", None), ("knowledge", "none")])
async def test_without_a_carrier_a_person_is_called_for_everything_and_nothing_is_said(
    fresh_database: str, redis_url: str, setting: str, chosen: str | None
) -> None:
    async with desk(fresh_database, redis_url, ASSISTANT=setting) as one:
        operator, inbox = Client(one.server.socket_url, token=one.operator), Ears()
        await operator.connect()
        await operator.new_subscription("inbox", inbox).subscribe()
        asked = await one.says("I want to talk to a human, please")
        if chosen is not None:
            await one.ask(one.operator, "PUT", f"/assistant/threads/{asked['thread_id']}", {"carrier": chosen})
        with helper(one.server, "work"):
            assert (await one.decision(asked))["path"] == "nobody"
            assert (await one.thread(asked["thread_id"]))["waiting_since"] is not None
            await eventually(lambda: [each for each in inbox.heard if each.get("waiting_since")], within=WAIT_SECONDS)
            await one.ask(one.operator, "POST", f"/chat/threads/{asked['thread_id']}/release")
            again = await one.says(SURE)
            assert (await one.decision(again))["reply_id"] is None
            await one.waits(asked["thread_id"])
            assert await one.replies(asked["thread_id"]) == []
        await operator.disconnect()


async def test_without_articles_a_person_is_called_each_time_and_that_is_said_once(
    fresh_database: str, redis_url: str
) -> None:
    async with desk(fresh_database, redis_url) as one:
        page = await one.ask(one.operator, "GET", "/assistant/articles")
        for article in page["articles"]:
            await one.ask(one.operator, "PATCH", f"/assistant/articles/{article['id']}", {"enabled": False})
        with helper(one.server, "work"):
            asked = await one.says(SURE)
            assert (await one.reply(asked, within=START_SECONDS))["payload"] == {"assistant": {"path": "empty"}}
            for text in (SURE, "And on Sundays, are you there, too?"):
                await one.waits(asked["thread_id"])
                await one.ask(one.operator, "POST", f"/chat/threads/{asked['thread_id']}/release")
                decision = await one.decision(await one.says(text))
                assert (decision["path"], decision["reply_id"]) == ("empty", None)
            await one.waits(asked["thread_id"])
            assert len(await one.replies(asked["thread_id"])) == 1
