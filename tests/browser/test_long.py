"""However long a conversation is, a page holds some of it, stays where one reads, and finds its way to both ends."""

from __future__ import annotations

from functools import partial

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.conftest import COLLEAGUE, opened, signed_in
from tests.browser.test_desk import asked
from tests.eventually import eventually
from tests.fleet.http import Http
from tests.fleet.server import Server

LINES = 700
MOST = 330  # what the page holds, and what came in since it let go of some
PATIENCE_SECONDS = 60.0
FIRST_SHOWN = """box => { const top = box.getBoundingClientRect().top;
  const item = [...box.querySelectorAll('li.message')].find((each) => each.getBoundingClientRect().bottom > top);
  return [item.id, Math.round(item.getBoundingClientRect().top - top)]; }"""


async def is_there(log: Locator, text: str, top: str) -> bool:
    """Scroll to one end of what is held, which asks for more; whether the text has come."""
    await log.evaluate(f"box => {{ box.scrollTop = {top}; }}")
    return await log.get_by_text(text, exact=True).count() == 1


@pytest.mark.timeout(240)
async def test_an_operator_reads_up_and_down_and_the_page_stays_small(browser: Browser, pair: list[Server]) -> None:
    here, there = pair
    thread = await asked(here, "Greta", *(f"line {number}" for number in range(LINES)))
    ada, watch = await opened(browser, here, "/")
    await signed_in(ada)
    await ada.get_by_role("button", name="All", exact=True).click()
    await ada.locator(".line", has_text="Greta").click()
    log = ada.get_by_role("log")
    await expect(log.get_by_text(f"line {LINES - 1}", exact=True)).to_be_visible()
    await eventually(partial(is_there, log, "line 0", "0"), within=PATIENCE_SECONDS)
    assert await log.locator("li.message").count() <= MOST
    await log.evaluate("box => { box.scrollTop = 900; }")
    await expect(log.get_by_text("line 20", exact=True)).to_be_attached()
    await eventually(partial(_rests, log), within=PATIENCE_SECONDS)
    before = await log.evaluate(FIRST_SHOWN)
    await _says(there, thread, "and one more")
    await expect(ada.get_by_role("button", name="To the newest message")).to_be_visible()
    assert await log.evaluate(FIRST_SHOWN) == before, "who reads is not moved"
    await eventually(partial(is_there, log, "and one more", "box.scrollHeight"), within=PATIENCE_SECONDS)
    assert await log.locator("li.message").count() <= MOST
    await eventually(partial(is_there, log, "line 0", "0"), within=PATIENCE_SECONDS)
    await ada.get_by_role("button", name="To the newest message").click()
    await expect(log.get_by_text("and one more", exact=True)).to_be_in_viewport()
    assert (watch.complaints, watch.strangers) == ([], [])


async def _rests(log: Locator) -> bool:
    """Whether it looks the same twice."""
    seen: list[list[object]] = [
        await log.evaluate(f"box => [box.scrollHeight, ...({FIRST_SHOWN})(box)]") for _ in range(3)
    ]
    return seen[0] == seen[-1]


async def _says(server: Server, thread: str, *texts: str) -> None:
    """A colleague answers."""
    http = Http("127.0.0.1", server.port)
    try:
        login = {"email": COLLEAGUE.email, "password": COLLEAGUE.password}
        http.token = (await http.call("POST", "/auth/login", login)).body["access_token"]
        for text in texts:
            assert (await http.call("POST", "/chat/send", {"thread_id": thread, "text": text})).status == 201
    finally:
        http.close()


async def _writes(page: Page, text: str) -> None:
    await page.get_by_label("Write a message").fill(text)
    await page.get_by_role("button", name="Send").click()


async def test_a_visitor_reads_what_was_said_long_ago(browser: Browser, pair: list[Server]) -> None:
    visitor, watch = await opened(browser, pair[0], "/demo")
    await visitor.get_by_role("button", name="Open the chat").click()
    await _writes(visitor, "the very first")
    await expect(visitor.locator(".own:not(.pending)", has_text="the very first")).to_be_visible()
    thread = await visitor.evaluate("JSON.parse(Object.values(localStorage)[0]).thread")
    await _says(pair[1], thread, *(f"line {number}" for number in range(150)))
    await visitor.reload()
    await visitor.get_by_role("button", name="Open the chat").click()
    log = visitor.get_by_role("log")
    await expect(log.get_by_text("line 149", exact=True)).to_be_in_viewport()
    await expect(log.get_by_text("the very first")).to_have_count(0)
    await eventually(partial(is_there, log, "the very first", "0"), within=PATIENCE_SECONDS)
    assert (watch.complaints, watch.strangers) == ([], [])


async def test_two_tabs_of_a_visitor_lose_nothing_of_each_other(browser: Browser, pair: list[Server]) -> None:
    one, _ = await opened(browser, pair[0], "/demo")
    await one.get_by_role("button", name="Open the chat").click()
    await _writes(one, "hello")
    await expect(one.locator(".own:not(.pending)", has_text="hello")).to_be_visible()
    other = await one.context.new_page()
    await other.goto(one.url)
    await other.get_by_role("button", name="Open the chat").click()
    await expect(other.locator(".own", has_text="hello")).to_be_visible()
    await one.context.set_offline(True)
    await _writes(one, "from the one")
    await _writes(other, "from the other")
    await one.get_by_label("Write a message").fill("half a sent")
    await one.context.set_offline(False)
    for page in (one, other):
        for text in ("from the one", "from the other"):
            await expect(page.locator(".own:not(.pending)", has_text=text)).to_have_count(1)
