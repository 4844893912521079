"""A session in the browser: no script can read it, all tabs have it, and it ends in all of them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from playwright.async_api import Browser, Error, Page, Request, Route, expect

from tests.browser.conftest import COLLEAGUE, OPERATOR, opened, signed_in
from tests.browser.test_desk import asked, goes_to
from tests.fleet.http import Http
from tests.fleet.server import Server

SIGN_IN = """async (body) => (await fetch('/auth/login', {
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).status"""
WITHIN_REACH = "[document.cookie, ...[localStorage, sessionStorage].map(JSON.stringify)].join()"


async def test_tabs_share_a_session_that_no_script_can_read(browser: Browser, pair: list[Server]) -> None:
    ada, watch = await opened(browser, pair[0], "/")
    await signed_in(ada)
    assert "parley_refresh" not in await ada.evaluate(WITHIN_REACH)
    other = await ada.context.new_page()
    await other.goto(ada.url)
    await expect(other.get_by_role("heading", name="Inbox", exact=True)).to_be_visible()
    await ada.reload()
    await expect(ada.get_by_role("heading", name="Inbox", exact=True)).to_be_visible()
    assert (watch.complaints, watch.strangers) == ([], [])
    await other.get_by_role("button", name="Sign out").click()
    for page in (other, ada):
        await expect(page.get_by_label("Password")).to_be_visible()


async def test_whoever_signs_in_in_another_tab_is_who_works_in_all_of_them(
    browser: Browser, pair: list[Server]
) -> None:
    ada, _ = await opened(browser, pair[0], "/")
    await signed_in(ada)
    other = await ada.context.new_page()
    await other.goto(ada.url)
    await other.get_by_role("button", name="Sign out").click()
    await signed_in(other, COLLEAGUE)
    await ada.reload()
    await ada.get_by_role("button", name="Status", exact=True).click()
    await expect(ada.get_by_role("button", name="People", exact=True)).to_have_count(0)


async def test_what_one_has_written_is_never_said_by_another(browser: Browser, pair: list[Server]) -> None:
    thread = await asked(pair[0], "Greta", "Is anybody there?")
    ada, _ = await opened(browser, pair[0], "/")
    await signed_in(ada)
    await goes_to(ada, "All", "Greta")
    bobs = {"email": COLLEAGUE.email, "password": COLLEAGUE.password, "in_cookie": True}
    assert await ada.evaluate(SIGN_IN, bobs) == 200
    http = Http("127.0.0.1", pair[0].port)
    try:
        login = {"email": OPERATOR.email, "password": OPERATOR.password}
        http.token = (await http.call("POST", "/auth/login", login)).body["access_token"]
        # A new password signs out everywhere else.
        changed = {"password": "a new horse battery", "current_password": OPERATOR.password}
        assert (await http.call("PATCH", "/auth/me", changed)).status == 200
        await _held_until_asked_twice(ada)
        await ada.get_by_label("Write a message").fill("I am Ada.")
        await ada.get_by_label("Write a message").press("Enter")
        await expect(ada.get_by_role("button", name="People", exact=True)).to_have_count(0)
        found = (await http.call("GET", f"/chat/history?thread_id={thread}")).body["messages"]
        assert [message["text"] for message in found] == ["Is anybody there?"]
    finally:
        http.close()


async def _held_until_asked_twice(page: Page) -> None:
    """The next document comes when keys were asked for twice: what the old one still does, it has time to do."""
    asked_for, is_time = list[str](), asyncio.Event()

    def see(request: Request) -> None:
        if request.url.endswith("/auth/refresh"):
            asked_for.append(request.url)
        if len(asked_for) == 2:
            is_time.set()

    async def hold(route: Route) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(is_time.wait(), 5)
        with suppress(Error):  # it was asked for once more meanwhile
            await route.continue_()

    page.on("request", see)
    await page.route(page.url.partition("#")[0], hold)
