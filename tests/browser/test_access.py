"""Everybody can use it: axe finds nothing serious on any page, in light and dark, on a desk and on a telephone."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import opened, signed_in
from tests.browser.test_desk import asked
from tests.fleet.server import Server

AXE = Path(__file__).resolve().parents[1] / "sdk" / "node_modules" / "axe-core" / "axe.min.js"
FOUND = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
  .filter(({ impact }) => impact === 'serious' || impact === 'critical')
  .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`)"""
PLACES = ("Campaigns", "Articles", "Contacts", "People", "Access tokens", "Status")

pytestmark = pytest.mark.skipif(
    not AXE.exists(), reason="NO AXE: nobody looks whether the pages can be used by everybody; install Node.js and npm"
)


async def serious(page: Page) -> list[str]:
    """What axe finds on the page as it is."""
    await page.evaluate(AXE.read_text())
    found: list[str] = await page.evaluate(FOUND)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_of_the_console_has_a_serious_fault(
    browser: Browser, pair: list[Server], scheme: Literal["light", "dark"]
) -> None:
    ada, _ = await opened(browser, pair[0], "/")
    await ada.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert await serious(ada) == []
    await signed_in(ada)
    await asked(pair[1], "Greta", "Is anybody there?")
    await ada.locator(".line", has_text="Greta").click()
    await expect(ada.get_by_role("log").get_by_text("Is anybody there?")).to_be_visible()
    assert await serious(ada) == []
    for place in PLACES:
        await ada.get_by_role("button", name=place, exact=True).click()
        await expect(ada.get_by_role("heading", name=place, exact=True)).to_be_visible()
        assert (place, await serious(ada)) == (place, [])
    await ada.get_by_role("button", name="Campaigns", exact=True).click()
    await ada.get_by_role("button", name="New campaign").click()
    await expect(ada.get_by_role("heading", name="Who gets it")).to_be_visible()
    assert await serious(ada) == []


async def test_nor_has_the_inbox_on_a_telephone(browser: Browser, pair: list[Server]) -> None:
    ada, _ = await opened(browser, pair[0], "/", 390, 844)
    await ada.emulate_media(reduced_motion="reduce")
    await signed_in(ada)
    assert await serious(ada) == []
    await asked(pair[1], "Greta", "Is anybody there?")
    await ada.locator(".line", has_text="Greta").click()
    await expect(ada.get_by_role("log").get_by_text("Is anybody there?")).to_be_visible()
    assert await serious(ada) == []


async def test_nor_has_the_widget(browser: Browser, pair: list[Server]) -> None:
    page, _ = await opened(browser, pair[0], "/demo")
    await page.emulate_media(reduced_motion="reduce")
    assert await serious(page) == []
    await page.get_by_role("button", name="Open the chat").click()
    await page.get_by_label("Write a message").fill("Is anybody there?")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".own", has_text="Is anybody there?")).to_be_visible()
    assert await serious(page) == []
