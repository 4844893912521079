"""An installation with articles, an operator and a customer: the vocabulary of the tests that ask the assistant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.eventually import eventually
from tests.fleet.server import Server, person, servers

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

    async def reply(self, question: Any, within: float = WAIT_SECONDS) -> Any:
        """The one reply to this question."""

        async def found() -> Any:
            return [each for each in await self.replies(question["thread_id"]) if each["reply_to"] == question["id"]]

        (one,) = await eventually(found, within=within)
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
