"""The console and the widget, as people use them: in a real browser, against two server processes."""

from __future__ import annotations

import gzip
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from server.console.pages import widget_script
from tests.browser.conftest import COLLEAGUE, opened, signed_in
from tests.eventually import eventually
from tests.fleet.http import Http
from tests.fleet.server import Server

WIDGET_BYTES = 60_000


async def _writes_as_visitor(page: Page, text: str) -> None:
    if not await page.get_by_role("dialog").is_visible():
        await page.get_by_role("button", name="Open the chat").click()
    await page.get_by_label("Write a message").fill(text)
    await page.get_by_role("button", name="Send").click()


async def _opens(page: Page, text: str) -> None:
    await page.locator(".line", has_text=text).click()
    await expect(page.get_by_role("log").get_by_text(text)).to_be_visible()


async def _answers(page: Page, text: str) -> None:
    await page.get_by_label("Write a message").fill(text)
    await page.get_by_label("Write a message").press("Enter")


async def test_a_visitor_and_two_operators_talk_across_two_servers(browser: Browser, pair: list[Server]) -> None:
    here, there = pair
    visitor, visitors = await opened(browser, here, "/demo")
    ada, adas = await opened(browser, here, "/")
    bob, bobs = await opened(browser, there, "/")
    await signed_in(ada)
    await signed_in(bob, COLLEAGUE)
    await _writes_as_visitor(visitor, "Is there any #oolong left?")
    await _opens(ada, "Is there any #oolong left?")
    await _opens(bob, "Is there any #oolong left?")
    await _answers(bob, "Plenty.")
    await expect(ada.get_by_role("log").get_by_text("Plenty.")).to_be_visible()
    await expect(visitor.get_by_text("Plenty.")).to_be_visible()
    await visitor.reload()
    await visitor.get_by_role("button", name="Open the chat").click()
    await expect(visitor.get_by_text("Plenty.")).to_be_visible()
    await ada.get_by_role("button", name="Archive", exact=True).click()
    await expect(bob.get_by_role("button", name="Reopen")).to_be_visible()
    for watch in (visitors, adas, bobs):
        assert (watch.complaints, watch.strangers) == ([], [])


async def test_a_visitor_presses_what_is_offered(browser: Browser, pair: list[Server]) -> None:
    visitor, visitors = await opened(browser, pair[0], "/demo")
    await _writes_as_visitor(visitor, "Which ones?")
    with closing(Http("127.0.0.1", pair[0].port)) as http:
        login = {"email": COLLEAGUE.email, "password": COLLEAGUE.password}
        http.token = (await http.call("POST", "/auth/login", login)).body["access_token"]
        thread = await eventually(partial(_asked, http, "Which ones?"), within=20)
        rows = [[{"text": "Oolong", "data": "tea:1"}], [{"text": "All", "url": "https://example.com/teas"}]]
        said = {"thread_id": thread["id"], "text": "These:", "payload": {"buttons": rows}}
        assert (await http.call("POST", "/chat/send", said)).status == 201
        await expect(visitor.get_by_role("link", name="All")).to_have_attribute("href", "https://example.com/teas")
        await visitor.get_by_role("button", name="Oolong").click()
        await expect(visitor.locator(".own", has_text="Oolong")).to_be_visible()
        await eventually(partial(_asked, http, "Oolong", {"data": "tea:1"}), within=20)
    assert (visitors.complaints, visitors.strangers) == ([], [])


async def _asked(http: Http, text: str, payload: object = None) -> Any:
    """The thread whose last message this is."""
    for thread in (await http.call("GET", "/chat/threads?kind=support")).body["threads"]:
        page = (await http.call("GET", f"/chat/history?thread_id={thread['id']}")).body["messages"]
        if page and (page[-1]["text"], page[-1]["payload"]) == (text, payload):
            return thread
    return None


async def test_what_is_written_while_the_server_is_dead_arrives_once(browser: Browser, pair: list[Server]) -> None:
    here, there = pair
    visitor, _ = await opened(browser, there, "/demo")
    ada, _ = await opened(browser, here, "/")
    await signed_in(ada)
    await _writes_as_visitor(visitor, "Hello?")
    await _opens(ada, "Hello?")
    here.kill()
    await expect(ada.get_by_role("status")).to_contain_text("The connection is gone")
    await _answers(ada, "Written in the dark.")
    await ada.get_by_label("Write a message").fill("half a sent")
    await _writes_as_visitor(visitor, "Are you there?")
    here.launch()
    await here.ready()
    await expect(visitor.get_by_text("Written in the dark.")).to_be_visible()
    await expect(ada.get_by_role("log").get_by_text("Are you there?")).to_be_visible()
    await expect(ada.get_by_role("log").get_by_text("Written in the dark.")).to_have_count(1)
    await expect(ada.get_by_label("Write a message")).to_have_value("half a sent")
    await ada.reload()
    await ada.get_by_role("button", name="All", exact=True).click()
    await ada.locator(".line").click()
    await expect(ada.get_by_label("Write a message")).to_have_value("half a sent")


async def test_a_phone_shows_one_thing_at_a_time_and_nothing_sticks_out(browser: Browser, pair: list[Server]) -> None:
    visitor, _ = await opened(browser, pair[0], "/demo", 390, 844)
    ada, _ = await opened(browser, pair[0], "/", 390, 844)
    await signed_in(ada)
    await _writes_as_visitor(visitor, "From a phone")
    await _opens(ada, "From a phone")
    await expect(ada.get_by_role("heading", name="Inbox")).to_be_hidden()
    assert await ada.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await ada.get_by_role("button", name="Back to the inbox").click()
    await expect(ada.get_by_role("heading", name="Inbox")).to_be_visible()


async def test_signing_in_and_out_needs_only_the_keyboard(browser: Browser, pair: list[Server]) -> None:
    ada, watch = await opened(browser, pair[0], "/")
    await ada.get_by_label("E-mail").focus()
    await ada.keyboard.type("ada@example.com")
    await ada.keyboard.press("Tab")
    await ada.keyboard.type("correct horse battery")
    await ada.keyboard.press("Enter")
    await ada.get_by_role("heading", name="Inbox").wait_for()
    for place in ("People", "Access tokens", "Status"):
        await ada.get_by_role("button", name=place, exact=True).focus()
        await ada.keyboard.press("Enter")
        await expect(ada.get_by_role("heading", name=place, exact=True)).to_be_visible()
    await expect(ada.get_by_text("Everything works")).to_be_visible()
    await ada.get_by_role("button", name="Sign out").focus()
    await ada.keyboard.press("Enter")
    await expect(ada.get_by_label("E-mail")).to_be_visible()
    assert watch.complaints == []


@pytest.mark.unit
def test_the_widget_is_small() -> None:
    assert len(gzip.compress(widget_script().encode())) < WIDGET_BYTES
