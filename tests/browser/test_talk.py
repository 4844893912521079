"""What two operators and a visitor see of each other while they talk, through two server processes."""

from __future__ import annotations

from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.conftest import COLLEAGUE, opened, signed_in
from tests.browser.test_desk import asked, goes_to
from tests.fleet.http import Http
from tests.fleet.server import Server


async def says(page: Page, text: str) -> None:
    await page.get_by_label("Write a message").fill(text)
    await page.get_by_label("Write a message").press("Enter")


def line(page: Page, text: str) -> Locator:
    """The message with these words, with its buttons."""
    return page.get_by_role("log").locator("li.message", has_text=text)


async def test_who_is_here_who_types_and_what_is_unread(browser: Browser, pair: list[Server]) -> None:
    visitor, visitors = await opened(browser, pair[0], "/demo")
    ada, adas = await opened(browser, pair[1], "/")
    await signed_in(ada)
    await visitor.get_by_role("button", name="Open the chat").click()
    await says(visitor, "Is anybody there?")
    await ada.get_by_role("button", name="All", exact=True).click()
    inbox = ada.locator(".line")
    await expect(inbox.get_by_text("1", exact=True)).to_be_visible()
    await inbox.click()
    await expect(inbox.get_by_text("1", exact=True)).to_have_count(0)
    await expect(ada.locator(".who")).to_contain_text("here now")
    await ada.get_by_label("Write a message").press_sequentially("One moment")
    await expect(visitor.get_by_text("Ada Lovelace is typing …")).to_be_visible()
    await visitor.get_by_label("Write a message").press_sequentially("Thank you")
    await expect(ada.get_by_role("main").get_by_text("Guest is typing …")).to_be_visible()
    await expect(inbox.get_by_text("Guest is typing …")).to_be_visible()
    await visitor.get_by_role("button", name="Close the chat").click()
    await says(ada, "I am.")
    await expect(visitor.get_by_role("button", name="Open the chat, 1 unread")).to_be_visible()
    await visitor.get_by_role("button", name="Open the chat").click()
    await visitor.get_by_role("button", name="Close the chat").click()
    await expect(visitor.get_by_role("button", name="Open the chat", exact=True)).to_be_visible()
    await visitor.close()
    await expect(ada.locator(".who")).to_contain_text("away")
    for watch in (visitors, adas):
        assert (watch.complaints, watch.strangers) == ([], [])


async def test_messages_are_answered_marked_reworded_and_taken_back(browser: Browser, pair: list[Server]) -> None:
    await asked(pair[0], "Greta", "Is anybody there?")
    ada, adas = await opened(browser, pair[0], "/")
    bob, bobs = await opened(browser, pair[1], "/")
    await signed_in(ada)
    await signed_in(bob, COLLEAGUE)
    for page in (ada, bob):
        await goes_to(page, "All", "Greta")
    await line(ada, "Is anybody there?").hover()
    await line(ada, "Is anybody there?").get_by_role("button", name="Reply").click()
    await says(ada, "Yes, wiht tea.")
    await expect(line(bob, "Yes, wiht tea.").locator(".quote")).to_have_text("Is anybody there?")
    await line(bob, "Yes, wiht tea.").hover()
    await line(bob, "Yes, wiht tea.").get_by_role("button", name="React 🎉").click()
    await expect(line(ada, "Yes, wiht tea.").get_by_role("button", name="🎉 1")).to_be_visible()
    await line(ada, "Yes, wiht tea.").hover()
    await line(ada, "Yes, wiht tea.").get_by_role("button", name="Edit").click()
    await ada.get_by_label("Edit", exact=True).fill("Yes, with tea.")
    await ada.get_by_role("button", name="Save").click()
    await expect(line(bob, "Yes, with tea.")).to_contain_text("edited")
    await line(ada, "Yes, with tea.").hover()
    await line(ada, "Yes, with tea.").get_by_role("button", name="Delete").click()
    await expect(bob.get_by_role("log").get_by_text("This message was deleted.")).to_be_visible()
    await expect(bob.get_by_role("log").get_by_text("Yes, with tea.")).to_have_count(0)
    for watch in (adas, bobs):
        assert (watch.complaints, watch.strangers) == ([], [])


async def test_a_token_opens_the_api_until_it_is_revoked(browser: Browser, pair: list[Server]) -> None:
    ada, watch = await opened(browser, pair[0], "/")
    await signed_in(ada)
    await ada.get_by_role("button", name="Access tokens", exact=True).click()
    await ada.get_by_label("What is it for?").fill("nightly export")
    await ada.get_by_role("button", name="Make a token").click()
    http = Http("127.0.0.1", pair[1].port, await ada.locator(".made code").inner_text())
    try:
        assert (await http.call("GET", "/auth/me")).body["email"] == "ada@example.com"
        await ada.get_by_role("button", name="Revoke").click()
        await expect(ada.get_by_text("No access tokens yet.")).to_be_visible()
        assert (await http.call("GET", "/auth/me")).status == 401
    finally:
        http.close()
    assert (watch.complaints, watch.strangers) == ([], [])


async def test_a_conversation_that_could_not_be_read_is_read_again(browser: Browser, pair: list[Server]) -> None:
    await asked(pair[0], "Greta", "Is anybody there?")
    ada, _ = await opened(browser, pair[0], "/")
    await signed_in(ada)
    await ada.route("**/chat/history*", lambda route: route.abort(), times=2)
    await goes_to(ada, "All", "Greta")
    await expect(line(ada, "Is anybody there?")).to_be_visible()
