"""Campaigns in the console, as a newcomer runs one: a real browser, a whole installation, and a Telegram of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, FilePayload, Page, expect

from tests.browser.conftest import Watch
from tests.browser.trial import PATIENCE_SECONDS, Trial, at_desk, started

PATIENCE_MS = PATIENCE_SECONDS * 1000


@pytest.fixture(scope="module")
async def trial() -> AsyncIterator[Trial]:
    async with started(ASSISTANT="none") as one:
        yield one


async def brings_in(page: Page, tag: str, count: int, *, first: int, more: str = "") -> None:
    """People come in out of a file, through the page for it."""
    lines = "".join(f"{first + number},Ada {first + number},en,{tag}\n" for number in range(count))
    text = f"chat_id,name,language,tags\n{lines}{more}"
    await page.get_by_role("button", name="Contacts", exact=True).click()
    file = FilePayload(name="people.csv", mimeType="text/csv", buffer=text.encode())
    await page.get_by_label("Choose a CSV file").set_input_files(file)
    await expect(page.get_by_role("status").filter(has_text=f"{count}new")).to_be_visible()


async def begins(page: Page, tag: str, text: str, count: int) -> None:
    """A new campaign for whoever carries the tag, as far as its number of people is shown."""
    await page.get_by_role("button", name="Campaigns", exact=True).click()
    await page.get_by_role("button", name="New campaign").click()
    await page.get_by_label("Message", exact=True).fill(text)
    await page.get_by_role("button", name="Add a condition").click()
    await page.get_by_label("Tag", exact=True).fill(tag)
    await expect(page.get_by_role("button", name=f"Send to {count} people …")).to_be_visible()


async def sends(page: Page, count: int) -> None:
    """The question is answered with the number that it names."""
    await page.get_by_role("button", name=f"Send to {count} people …").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text(f"{count} people")).to_be_visible()
    await dialog.get_by_role("button", name=f"Send to {count}", exact=True).click()


def is_clean(watch: Watch) -> bool:
    return (watch.complaints, watch.strangers) == ([], [])


@pytest.mark.timeout(240)
async def test_a_newcomer_runs_a_campaign_and_its_bar_reaches_the_end(browser: Browser, trial: Trial) -> None:
    desk, watch = await at_desk(browser, trial)
    await brings_in(desk, "tea", 30, first=9000, more="x,Nobody,en,tea\n")
    await expect(desk.get_by_text("Line 32: chat_id: give a whole number")).to_be_visible()
    await begins(desk, "tea", "Hello {{ name }}, the new tea is here!", 30)
    await expect(desk.get_by_role("figure").get_by_text("the new tea is here!")).to_be_visible()
    await desk.get_by_role("button", name="Add a button").click()
    await desk.get_by_label("Words on the button").fill("Show me")
    await expect(desk.get_by_role("figure").get_by_text("Show me")).to_be_visible()
    await desk.get_by_role("button", name="Send a test").click()
    await desk.get_by_role("dialog").get_by_role("button", name="Send to them").first.click()
    await expect(desk.get_by_text("Sent to Ada 90")).to_be_visible(timeout=PATIENCE_MS)
    await desk.get_by_role("button", name="Close").click()
    await sends(desk, 30)
    bar = desk.get_by_role("progressbar")
    await expect(bar).to_have_attribute("aria-valuenow", "100", timeout=PATIENCE_MS)
    await expect(desk.get_by_text("100 %")).to_be_visible()
    await expect(desk.get_by_role("img", name="Chart of deliveries over time")).to_be_visible()
    await expect(desk.get_by_role("cell", name="sent")).to_have_count(30)
    await desk.get_by_label("Outcome").select_option("failed")
    await expect(desk.get_by_text("Nothing here")).to_be_visible()
    await desk.get_by_label("Outcome").select_option("sent")
    async with desk.expect_download() as download:
        await desk.get_by_role("button", name="Export CSV").click()
    assert (await (await download.value).path()).read_text().count(",sent,") == 30
    await desk.get_by_role("link", name="Campaigns").click()
    await expect(desk.locator(".tile", has_text="100 %")).to_be_visible()
    assert is_clean(watch)


@pytest.mark.timeout(240)
async def test_a_campaign_is_held_goes_on_and_is_called_off(browser: Browser, trial: Trial) -> None:
    desk, watch = await at_desk(browser, trial)
    await brings_in(desk, "slow", 40, first=9500)
    await begins(desk, "slow", "Slowly now", 40)
    await desk.get_by_label("At most so many people an hour").fill("7200")
    await sends(desk, 40)
    await desk.get_by_role("button", name="Pause", exact=True).click()
    await expect(desk.get_by_role("main").get_by_text("Paused", exact=True).first).to_be_visible()
    await expect(desk.get_by_text("are still to be told")).to_be_visible()
    await desk.reload()
    await desk.get_by_role("button", name="Resume").click()
    await expect(desk.get_by_role("main").get_by_text("Running", exact=True)).to_be_visible()
    await desk.get_by_role("button", name="Cancel campaign").click()
    await desk.get_by_role("dialog").get_by_role("button", name="Cancel campaign").click()
    await expect(desk.get_by_role("main").get_by_text("Cancelled", exact=True).first).to_be_visible()
    await expect(desk.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    assert is_clean(watch)


@pytest.mark.timeout(240)
async def test_what_is_written_is_kept_and_what_is_wrong_is_said(browser: Browser, trial: Trial) -> None:
    desk, watch = await at_desk(browser, trial)
    await desk.set_viewport_size({"width": 390, "height": 844})
    await brings_in(desk, "kept", 2, first=9900)
    await begins(desk, "kept", "Half", 2)
    await desk.get_by_label("Message", exact=True).fill("Half {{ a")
    await expect(desk.get_by_text("Not saved:")).to_be_visible()
    await desk.get_by_label("Message", exact=True).fill("Whole")
    await expect(desk.get_by_text("Saved", exact=True)).to_be_visible()
    await desk.get_by_role("button", name="Add a language").click()
    await desk.get_by_label("Code of the language").fill("de")
    await desk.get_by_label("Code of the language").press("Enter")
    await desk.get_by_label("Message", exact=True).fill("Ganz")
    await desk.get_by_label("Every day").check()
    await desk.get_by_label("Also to people who were told often enough lately").check()
    await desk.get_by_label("Time", exact=True).fill("10:30")
    await expect(desk.get_by_text("Saved", exact=True)).to_be_visible()
    assert await desk.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await desk.reload()
    await expect(desk.get_by_label("Message", exact=True)).to_have_value("Whole")
    await desk.get_by_role("button", name="German").click()
    await expect(desk.get_by_label("Message", exact=True)).to_have_value("Ganz")
    await expect(desk.get_by_label("Tag", exact=True)).to_have_value("kept")
    await expect(desk.get_by_label("Time", exact=True)).to_have_value("10:30")
    await expect(desk.get_by_label("Also to people who were told often enough lately")).to_be_checked()
    await desk.get_by_role("button", name="Plan it").click()
    await desk.get_by_role("dialog").get_by_role("button", name="Plan it").click()
    await expect(desk.get_by_text("Planned", exact=True)).to_be_visible()
    refused = "Failed to load resource: the server responded with a status of 422"
    assert [said for said in watch.complaints if not said.startswith(refused)] == []


@pytest.mark.timeout(240)
async def test_a_campaign_that_stops_by_itself_is_told_wherever_one_is(browser: Browser, trial: Trial) -> None:
    desk, watch = await at_desk(browser, trial)
    await brings_in(desk, "cityless", 2, first=9950)
    await begins(desk, "cityless", "How is {{ city }}?", 2)
    await expect(desk.get_by_text("Saved", exact=True)).to_be_visible()
    await sends(desk, 2)
    alert = desk.get_by_role("alert").filter(has_text="paused by itself")
    await expect(alert).to_contain_text("city", timeout=PATIENCE_MS)
    await expect(desk.get_by_role("main").get_by_text("It paused by itself")).to_be_visible()
    await alert.get_by_role("link").click()
    await expect(alert).to_have_count(0)
    await desk.get_by_label("Outcome").select_option("failed")
    await expect(desk.get_by_role("cell", name="failed")).to_have_count(2)
    assert is_clean(watch)
