"""TELEGRAM=fake: somebody is a person on Telegram, in a real browser, and somebody else answers as an operator."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from server.embedded.orphan import command_of
from tests.browser.conftest import Watch
from tests.embedded.installation import Installation
from tests.eventually import eventually
from tests.fleet.http import Http

PATIENCE_SECONDS = 40.0


@dataclass
class Trial:
    """An installation as a newcomer starts it, and its operator."""

    parley: Installation
    page_url: str
    http: Http

    async def thread(self) -> Any:
        """The one of the only person who has written."""

        async def opened() -> Any:
            found = (await self.http.call("GET", "/chat/threads?kind=telegram")).body["threads"]
            return found[0] if found else None

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

    async def becomes(self, message: Any, status: str) -> None:
        """Return when the message is so far."""

        async def is_so_far() -> bool:
            now = await self.http.call("GET", f"/chat/message/{message['id']}")
            return bool(now.body["status"] == status)

        await eventually(is_so_far, within=PATIENCE_SECONDS)


@pytest.fixture
async def trial() -> AsyncIterator[Trial]:
    with tempfile.TemporaryDirectory(prefix="parley-test-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o711)
        parley = Installation(folder, TELEGRAM="fake")
        parley.start()
        url = await parley.ready()
        pattern = re.compile(r"at (http\S+)\nSign in as (\S+) with the password (\S+)$", re.MULTILINE)
        page_url, email, password = (await eventually(lambda: pattern.search(parley.said))).groups()
        http = Http("127.0.0.1", int(url.rpartition(":")[2]))
        signed_in = await http.call("POST", "/auth/login", {"email": email, "password": password})
        http.token = signed_in.body["access_token"]
        yield Trial(parley, page_url, http)
        http.close()
        if command_of(parley.pid) is not None:
            await parley.stop()


async def entered(browser: Browser, trial: Trial, name: str) -> tuple[Page, Watch]:
    """The page, on which somebody of this name is in their chat; and what is to be said against it."""
    page = await (await browser.new_context(viewport={"width": 1000, "height": 700})).new_page()
    page.set_default_timeout(15_000)
    watch = Watch()
    page.on("console", lambda said: watch.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: watch.complaints.append(str(error)))
    page.on(
        "request", lambda asked: None if asked.url.startswith(trial.page_url) else watch.strangers.append(asked.url)
    )
    await page.goto(trial.page_url)
    await page.get_by_label("Name").fill(name)
    await page.get_by_role("button", name="Be somebody new").click()
    await expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    return page, watch


async def writes(page: Page, text: str) -> None:
    await page.get_by_label("Write to the bot").fill(text)
    await page.get_by_label("Write to the bot").press("Enter")


@pytest.mark.timeout(240)
async def test_a_newcomer_talks_as_somebody_on_telegram(browser: Browser, trial: Trial) -> None:
    ada, watch = await entered(browser, trial, "Ada")
    log = ada.get_by_role("log")
    await writes(ada, "is anybody there?")
    await writes(ada, "/help")
    await expect(log.get_by_text("Write what you want to know")).to_be_visible(timeout=PATIENCE_SECONDS * 1000)
    assert [message["text"] for message in (await trial.reads())[:2]] == ["is anybody there?", "/help"]
    message = await trial.says("yes, I am")
    await expect(log.get_by_text("yes, I am")).to_be_visible()
    await trial.becomes(message, "sent")
    await trial.http.call("PATCH", f"/chat/message/{message['id']}", {"text": "yes, we are"})
    await expect(log.get_by_text("yes, we are")).to_be_visible()
    await expect(log.get_by_text("yes, I am")).to_have_count(0)
    await trial.becomes(message, "sent")
    await trial.http.call("DELETE", f"/chat/message/{message['id']}")
    await expect(log.get_by_text("yes, we are")).to_have_count(0)
    await ada.get_by_role("button", name="Block the bot", exact=True).click()
    await expect(ada.get_by_role("button", name="Unblock the bot")).to_be_visible()
    await trial.becomes(await trial.says("still there?"), "blocked")
    await ada.get_by_role("button", name="Unblock the bot").click()
    await ada.get_by_role("combobox").select_option("lost")
    await trial.becomes(await trial.says("perhaps"), "unknown")
    await expect(log.get_by_text("perhaps")).to_be_visible()
    await expect(log.get_by_text("still there?")).to_have_count(0)
    assert (watch.complaints, watch.strangers) == ([], [])


@pytest.mark.timeout(240)
async def test_a_restart_of_the_fake_does_not_confuse_parley(browser: Browser, trial: Trial) -> None:
    ada, _ = await entered(browser, trial, "Ada")
    await writes(ada, "before")
    await eventually(lambda: _said(trial, ["before"]), within=PATIENCE_SECONDS)
    (fake,) = [pid for pid in trial.parley.descendants(trial.parley.pid) if "fake-telegram" in (command_of(pid) or "")]
    os.kill(fake, signal.SIGKILL)
    again, _ = await entered(browser, trial, "Ada")
    await writes(again, "after")
    await eventually(lambda: _said(trial, ["before", "after"]), within=PATIENCE_SECONDS)


async def _said(trial: Trial, texts: list[str]) -> bool:
    return [message["text"] for message in await trial.reads()] == texts
