"""Operators share the conversations: who looks after which, what waits, what is found again."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import COLLEAGUE, opened, signed_in
from tests.fleet.http import Http
from tests.fleet.server import Server


async def asked(server: Server, name: str, *texts: str) -> Any:
    """The thread of a visitor who has said this."""
    http = Http("127.0.0.1", server.port)
    try:
        http.token = (await http.call("POST", "/auth/guest", {"name": name})).body["access_token"]
        return [(await http.call("POST", "/chat/send", {"text": text})).body for text in texts][-1]["thread_id"]
    finally:
        http.close()


async def goes_to(page: Page, box: str, name: str) -> None:
    await page.get_by_role("button", name=box, exact=True).click()
    await page.locator(".line", has_text=name).click()
    await expect(page.get_by_role("heading", name=name)).to_be_visible()


async def test_a_thread_is_taken_handed_on_given_back_and_put_away(browser: Browser, pair: list[Server]) -> None:
    here, there = pair
    await asked(here, "Greta", "Is anybody there?")
    ada, adas = await opened(browser, here, "/", 1440)
    bob, bobs = await opened(browser, there, "/", 1440)
    await signed_in(ada)
    await signed_in(bob, COLLEAGUE)
    await goes_to(ada, "Waiting", "Greta")
    await goes_to(bob, "All", "Greta")
    await ada.get_by_role("button", name="Take", exact=True).click()
    about = bob.get_by_role("region", name="About")
    await expect(ada.get_by_role("region", name="About").get_by_text("You look after it")).to_be_visible()
    await expect(about.get_by_text("Ada Lovelace looks after it")).to_be_visible()
    await ada.get_by_role("button", name="Mine", exact=True).click()
    await expect(ada.locator(".line", has_text="Greta")).to_be_visible()
    await ada.get_by_role("button", name="Transfer", exact=True).click()
    await ada.get_by_role("dialog").get_by_role("button", name="Bob Noyce").click()
    await expect(about.get_by_text("You look after it")).to_be_visible()
    await expect(ada.locator(".line", has_text="Greta")).to_have_count(0)
    await bob.get_by_role("button", name="Give back", exact=True).click()
    await expect(about.get_by_text("The assistant, until somebody takes it")).to_be_visible()
    await bob.get_by_role("button", name="Private notes").click()
    await bob.get_by_label("Write a note for your colleagues").fill("Wants tea.")
    await bob.get_by_label("Write a note for your colleagues").press("Enter")
    await ada.get_by_role("button", name="Private notes").click()
    await expect(ada.get_by_role("log", name="Private notes").get_by_text("Wants tea.")).to_be_visible()
    await bob.get_by_role("button", name="Archive", exact=True).click()
    await expect(bob.locator(".line", has_text="Greta")).to_have_count(0)
    await bob.get_by_role("button", name="Archived", exact=True).click()
    await expect(bob.locator(".line", has_text="Greta")).to_be_visible()
    for watch in (adas, bobs):
        assert (watch.complaints, watch.strangers) == ([], [])


async def test_conversations_are_found_by_words_and_tag(browser: Browser, pair: list[Server]) -> None:
    await asked(pair[0], "Greta", "When does the next parcel arrive?")
    await asked(pair[0], "Bert", "Ich habe mein Kennwort vergessen.")
    ada, watch = await opened(browser, pair[0], "/")
    await signed_in(ada)
    lines = ada.locator(".line")
    await expect(lines).to_have_count(2)
    await ada.get_by_label("Search conversations").fill("kennwort")
    await expect(lines).to_have_count(1)
    await ada.get_by_label("Search conversations").fill("")
    await expect(lines).to_have_count(2)
    await lines.filter(has_text="Greta").click()
    await ada.get_by_role("button", name="Edit tags").click()
    await ada.get_by_label("Separate tags with blanks").fill("tea")
    await ada.get_by_label("Separate tags with blanks").press("Enter")
    await ada.get_by_label("Tag", exact=True).select_option("tea")
    await expect(lines).to_have_count(1)
    assert (watch.complaints, watch.strangers) == ([], [])


async def test_an_answer_is_suggested_and_sent_by_whoever_wants_it(browser: Browser, pair: list[Server]) -> None:
    here, there = pair
    ada, watch = await opened(browser, here, "/", 1440)
    await signed_in(ada)
    await ada.get_by_role("button", name="Articles", exact=True).click()
    await ada.get_by_role("button", name="New article").click()
    await ada.get_by_label("Title").fill("Parcels")
    await ada.get_by_label("Text").fill("Every parcel arrives within three days.")
    await ada.get_by_role("button", name="Save").click()
    await expect(ada.get_by_text("parcels · English")).to_be_visible()
    await asked(there, "Greta", "Where on earth is the parcel that I have waited for?")
    await ada.get_by_role("button", name="Inbox", exact=True).click()
    await goes_to(ada, "All", "Greta")
    about = ada.get_by_role("region", name="About")
    await expect(about.get_by_text("Suggested answers")).to_be_visible()
    await about.get_by_role("button", name="Use Parcels").click()
    box = ada.get_by_label("Write a message")
    await expect(box).to_be_focused()
    await expect(box).to_have_value("Every parcel arrives within three days.")
    await box.press("Enter")
    await expect(ada.get_by_role("log").get_by_text("Every parcel arrives within three days.")).to_be_visible()
    await ada.set_viewport_size({"width": 390, "height": 844})
    await about.get_by_role("button", name="Use Parcels").click()
    await expect(box).to_be_focused()
    await expect(box).to_have_value("Every parcel arrives within three days.")
    assert (watch.complaints, watch.strangers) == ([], [])
