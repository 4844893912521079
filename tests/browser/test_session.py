"""A session in the browser: no script can read it, all tabs have it, and it ends in all of them."""

from __future__ import annotations

from playwright.async_api import Browser, expect

from tests.browser.conftest import COLLEAGUE, opened, signed_in
from tests.fleet.server import Server

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
