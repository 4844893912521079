"""A whole installation with a Telegram of its own, as a newcomer starts it, and pages on which to try it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from server.embedded.orphan import command_of
from server.embedded.people import Login
from tests.browser.conftest import ACT_MS, Watch, signed_in
from tests.embedded.installation import Installation
from tests.eventually import eventually
from tests.fleet.http import Http

PATIENCE_SECONDS = 40.0


@dataclass
class Trial:
    """An installation as a newcomer starts it, and its operator, who talks with one person."""

    parley: Installation
    url: str
    page_url: str
    login: Login
    http: Http
    name: str

    async def thread(self) -> Any:
        """The person's, once they have written."""

        async def opened() -> Any:
            found = (await self.http.call("GET", "/chat/threads?kind=telegram")).body["threads"]
            return next((thread for thread in found if thread["subject"] == self.name), None)

        return await eventually(opened, within=PATIENCE_SECONDS)

    async def says(self, text: str, **more: Any) -> Any:
        """The operator answers."""
        body = {"thread_id": (await self.thread())["id"], "text": text, **more}
        answer = await self.http.call("POST", "/chat/send", body)
        assert answer.status == 201, answer.body
        return answer.body

    async def reads(self) -> list[Any]:
        """What the operator sees in the thread."""
        thread = await self.thread()
        page = await self.http.call("GET", f"/chat/history?thread_id={thread['id']}")
        messages: list[Any] = page.body["messages"]
        return messages

    async def sends_again(self, message: Any) -> None:
        """The operator wants it sent once more, and it is."""
        answer = await self.http.call("POST", f"/bot/messages/{message['id']}/send")
        assert answer.status == 202, answer.body
        await self.becomes(message, "sent")

    async def becomes(self, message: Any, status: str) -> None:
        """Return when the message is so far."""

        async def is_so_far() -> bool:
            now = await self.http.call("GET", f"/chat/message/{message['id']}")
            return bool(now.body["status"] == status)

        await eventually(is_so_far, within=PATIENCE_SECONDS)


@asynccontextmanager
async def started(**settings: str) -> AsyncIterator[Trial]:
    """Ready to be tried; gone at the end, with all its data."""
    with tempfile.TemporaryDirectory(prefix="parley-test-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o711)
        parley = Installation(folder, TELEGRAM="fake", **settings)
        parley.start()
        try:
            one = await begun(parley)
            yield one
            one.http.close()
            assert await parley.stop() == 0
            assert "graceful shutdown exceeded" not in parley.said, "nobody has to be cut off"
        finally:
            if command_of(parley.pid) is not None:
                await parley.stop()


async def begun(parley: Installation) -> Trial:
    """As soon as it has said where its page is, and whom to sign in as."""
    url = await parley.ready()
    pattern = re.compile(r"at (http\S+)\nSign in as (\S+) with the password (\S+)$", re.MULTILINE)
    page_url, email, password = (await eventually(lambda: pattern.search(parley.said))).groups()
    http = Http("127.0.0.1", int(url.rpartition(":")[2]))
    answer = await http.call("POST", "/auth/login", {"email": email, "password": password})
    http.token = answer.body["access_token"]
    return Trial(parley, url, page_url, Login(email, password), http, "")


async def entered(browser: Browser, trial: Trial) -> tuple[Page, Watch]:
    """The page, on which the person is in their chat; and what is to be said against it."""
    page, watch = await watched(browser, trial.page_url)
    await page.get_by_label("Name").fill(trial.name)
    await page.get_by_role("button", name="Be somebody new").click()
    await expect(page.get_by_role("heading", name=trial.name, exact=True)).to_be_visible()
    return page, watch


async def watched(browser: Browser, url: str) -> tuple[Page, Watch]:
    """A page of somebody of their own, and what is to be said against it."""
    page = await (await browser.new_context(viewport={"width": 1000, "height": 700})).new_page()
    page.set_default_timeout(ACT_MS)
    watch = Watch()
    page.on("console", lambda said: watch.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: watch.complaints.append(str(error)))
    ours = (url, "blob:")
    page.on("request", lambda asked: None if asked.url.startswith(ours) else watch.strangers.append(asked.url))
    await page.goto(url)
    return page, watch


async def at_desk(browser: Browser, trial: Trial) -> tuple[Page, Watch]:
    """The console, signed in."""
    page, watch = await watched(browser, trial.url)
    await signed_in(page, trial.login)
    return page, watch
