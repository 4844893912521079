"""Articles, people, status, and the short start: what an admin sets up with the console alone."""

from __future__ import annotations

from playwright.async_api import Browser, FilePayload, expect

from server.embedded.people import Login
from tests.browser.conftest import opened, signed_in
from tests.browser.test_desk import asked
from tests.fleet.server import Server


async def test_articles_are_written_reworded_found_and_brought_in(browser: Browser, pair: list[Server]) -> None:
    ada, watch = await opened(browser, pair[0], "/")
    await signed_in(ada)
    await ada.get_by_role("button", name="Articles", exact=True).click()
    await expect(ada.get_by_text("The assistant knows nothing yet")).to_be_visible()
    await ada.get_by_role("button", name="New article").click()
    await ada.get_by_label("Title").fill("When we are open")
    await ada.get_by_label("Text").fill("From nine to six.")
    await ada.get_by_role("button", name="Save").click()
    await expect(ada.get_by_text("when-we-are-open · English")).to_be_visible()
    await ada.get_by_label("Text").fill("From ten to six.")
    await ada.get_by_role("button", name="Save").click()
    await ada.get_by_text("Earlier wordings (1)").click()
    await expect(ada.get_by_text("From nine to six.")).to_be_visible()
    await ada.get_by_role("link", name="Articles").click()
    file = FilePayload(name="parcel.de.md", mimeType="text/markdown", buffer=b"# Pakete\n\nIn drei Tagen.")
    await ada.get_by_label("Bring in files").set_input_files(file)
    await expect(ada.get_by_text("1 new, 0 changed, 0 as before.")).to_be_visible()
    await expect(ada.get_by_role("link", name="Pakete")).to_be_visible()
    await ada.get_by_label("Search articles").fill("open")
    await expect(ada.get_by_role("link", name="Pakete")).to_have_count(0)
    await expect(ada.get_by_role("link", name="When we are open")).to_be_visible()
    await ada.go_back()
    await expect(ada.get_by_text("when-we-are-open · English")).to_be_visible()
    assert (watch.complaints, watch.strangers) == ([], [])


async def test_who_is_invited_signs_in_and_operates(browser: Browser, pair: list[Server]) -> None:
    ada, watch = await opened(browser, pair[0], "/", 390, 844)
    await signed_in(ada)
    await ada.get_by_role("link", name="Invite an operator").click()
    await ada.get_by_label("Name").fill("Carol")
    await ada.get_by_label("E-mail").fill("carol@example.com")
    await ada.get_by_role("button", name="Invite", exact=True).click()
    password = await ada.get_by_role("status").locator("code").inner_text()
    await expect(ada.get_by_label("Role: Carol")).to_have_value("operator")
    assert await ada.evaluate("document.documentElement.scrollWidth <= innerWidth")
    carol, hers = await opened(browser, pair[1], "/")
    await signed_in(carol, Login("carol@example.com", password))
    await expect(carol.get_by_role("button", name="People", exact=True)).to_have_count(0)
    for each in (watch, hers):
        assert (each.complaints, each.strangers) == ([], [])


async def test_the_short_start_sees_what_is_done_and_stays_away_when_hidden(
    browser: Browser, pair: list[Server]
) -> None:
    ada, watch = await opened(browser, pair[0], "/")
    await signed_in(ada)
    start = ada.get_by_role("region", name="A short start")
    first = start.get_by_role("listitem").filter(has_text="Write a first message")
    await expect(start.get_by_text("TELEGRAM=fake python3 dev.py run")).to_be_visible()
    await expect(first).not_to_contain_text("done")
    await asked(pair[1], "Greta", "Is anybody there?")
    await expect(first).to_contain_text("done")
    await start.get_by_role("button", name="Hide this").click()
    await ada.reload()
    await expect(ada.locator(".line", has_text="Greta")).to_be_visible()
    await expect(start).to_have_count(0)
    assert (watch.complaints, watch.strangers) == ([], [])


async def test_the_status_page_tells_of_the_parts_and_the_bot(browser: Browser, pair: list[Server]) -> None:
    ada, watch = await opened(browser, pair[0], "/")
    await signed_in(ada)
    await ada.get_by_role("button", name="Status", exact=True).click()
    await expect(ada.get_by_text("Everything works")).to_be_visible()
    await expect(ada.get_by_text("Bus between processes")).to_be_visible()
    await expect(ada.get_by_text("No bot is connected.")).to_be_visible()
    await expect(ada.get_by_text("open sockets")).to_be_visible()
    assert (watch.complaints, watch.strangers) == ([], [])
