"""The assistant answers people on Telegram: real processes, and a Telegram of our own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from centrifuge import Client, PublicationContext, SubscriptionEventHandler
from typing_extensions import override

from bots.fake.world import Sent, World
from tests.bot.town import TOKEN, telegram
from tests.eventually import eventually
from tests.fleet.desk import SURE, Desk, desk
from tests.fleet.language_model import endpoint
from tests.fleet.server import helper

CHAT = 77
ADA = {"id": CHAT, "type": "private", "first_name": "Ada"}
STRANGE = "Why does the moon look larger at the horizon?"
CALLED = "I am passing this on to a person. Somebody from our team will answer you here."
PATIENCE_SECONDS = 60.0


@dataclass
class Town:
    """A person on Telegram, and the desk that hears of them."""

    world: World
    desk: Desk

    def says(self, text: str) -> None:
        self.world.write(ADA, text=text)

    @property
    def heard(self) -> list[str]:
        """What arrived on Telegram, in order."""
        return [one.text for one in self.world.sent[CHAT]]

    async def hears(self, beginning: str) -> Sent:
        """Return the newest message when it begins like this."""

        def newest() -> Sent | None:
            there = self.world.sent[CHAT]
            return there[-1] if there and there[-1].text.startswith(beginning) else None

        return await eventually(newest, within=PATIENCE_SECONDS)

    async def thread(self) -> Any:
        page = await self.desk.ask(self.desk.operator, "GET", "/chat/threads?kind=telegram")
        return page["threads"][0]

    async def written(self, count: int) -> None:
        """Return when so many messages of the person are in the thread."""
        thread = (await self.thread())["id"]

        async def there() -> bool:
            page = await self.desk.ask(self.desk.operator, "GET", f"/chat/history?thread_id={thread}&limit=200")
            return [each["author_kind"] for each in page["messages"]].count("contact") >= count

        await eventually(there, within=PATIENCE_SECONDS)


@asynccontextmanager
async def town(database_url: str, redis_url: str, **settings: str) -> AsyncIterator[Town]:
    world = World()
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(telegram(world))
        bot = {"TELEGRAM_TOKEN": TOKEN, "TELEGRAM_API": api}
        one = await stack.enter_async_context(desk(database_url, redis_url, **bot, **settings))
        for command in ("work", "bot"):
            stack.enter_context(helper(one.server, command))
        yield Town(world, one)


class Ears(SubscriptionEventHandler):
    """Keeps what it hears, and when."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, Any]] = []

    @override
    async def on_publication(self, ctx: PublicationContext) -> None:
        self.heard.append((time.monotonic(), ctx.pub.data))

    def waiting(self) -> float | None:
        """When the inbox was told of a thread that waits for a person."""
        return next((at for at, data in self.heard if data.get("waiting_since")), None)


async def test_asked_offered_chosen_passed_on_and_taken_up_again(fresh_database: str, redis_url: str) -> None:
    async with town(fresh_database, redis_url) as one:
        one.says("/start")
        await one.hears("Hello! Write here")
        one.says(SURE)
        answer = await one.hears("Our shop is open from Monday to Friday")
        assert answer.text.endswith("From our article “Opening hours”.")
        assert answer.reply_to is not None

        one.says("Something about a gift please")
        offer = await one.hears("I am not sure")
        buttons = {button["text"]: button["callback_data"] for row in offer.buttons for button in row}
        assert set(buttons) == {"Redeeming a gift card", "Gift wrapping", "Talk to a person"}
        one.world.press(ADA, offer.message_id, buttons["Gift wrapping"])
        await one.hears("We wrap a gift")
        await eventually(lambda: CHAT in one.world.toasts, within=PATIENCE_SECONDS)  # the button rests again

        operator, inbox = Client(one.desk.server.socket_url, token=one.desk.operator), Ears()
        await operator.connect()
        await operator.new_subscription("inbox", inbox).subscribe()
        one.says(STRANGE)
        await one.hears(CALLED)
        told = time.monotonic()
        seen = await eventually(inbox.waiting, within=PATIENCE_SECONDS)
        assert seen - told < 1.0

        thread = (await one.thread())["id"]
        await operator.rpc("chat.take", {"thread_id": thread})
        one.says(SURE)
        await one.written(5)
        await operator.rpc("chat.post", {"thread_id": thread, "text": "It is an illusion.", "client_id": "1"})
        await one.hears("It is an illusion.")
        await operator.rpc("chat.release", {"thread_id": thread})
        one.says(SURE)
        await one.hears("Our shop is open from Monday to Friday")
        assert len(one.heard) == 7, one.heard
        await operator.disconnect()


async def test_a_group_is_answered_where_it_means_the_bot(fresh_database: str, redis_url: str) -> None:
    friends: dict[str, Any] = {"id": -77, "type": "group", "title": "Friends"}
    async with town(fresh_database, redis_url) as one:
        one.world.write(friends, text=STRANGE)
        text = f"@parley_bot {SURE}"
        one.world.write(friends, text=text, entities=[{"type": "mention", "offset": 0, "length": 11}])
        answered = await eventually(lambda: one.world.sent[friends["id"]], within=PATIENCE_SECONDS)
        assert [each.text.partition(" from")[0] for each in answered] == ["Our shop is open"]
        assert (await one.thread())["waiting_since"] is None


async def test_who_asks_the_bot_for_a_person_is_passed_on(fresh_database: str, redis_url: str) -> None:
    async with town(fresh_database, redis_url) as one:
        one.says("/human")
        await one.hears("Somebody is told that you want to talk with a person.")
        assert (await one.thread())["waiting_since"] is not None


async def test_what_a_language_model_writes_is_shown_as_a_draft(fresh_database: str, redis_url: str) -> None:
    async with endpoint() as models:
        settings = {"ASSISTANT": "llm", "LLM_MODELS": f"first@{models.address}"}
        async with town(fresh_database, redis_url, **settings) as one:
            one.says(SURE)
            draft = await eventually(lambda: one.world.drafts.get(CHAT), within=PATIENCE_SECONDS)
            assert "Our shop is open from Monday to Friday".startswith(draft[:30])
            await one.hears("Our shop is open from Monday to Friday, 9 am to 6 pm.")
            assert one.world.drafts == {}, "no draft comes after the message"
