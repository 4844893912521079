"""A real browser, two server processes, and an operator who can sign in; skipped loudly where there is no browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from server.auth.constants import Role
from server.embedded import people
from tests.eventually import TIME_UNIT
from tests.fleet.server import Server, servers

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run"]
OPERATOR = people.Login("ada@example.com", "correct horse battery")
COLLEAGUE = people.Login("bob@example.com", "correct horse battery")
ACT_MS, SEEN_MS = 15_000 * TIME_UNIT, 5_000 * TIME_UNIT

expect.set_options(timeout=SEEN_MS)


@dataclass
class Watch:
    """What a page complained of, and whom else it asked."""

    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """The system's browser, without a window."""
    rooted = ["--no-sandbox"] if os.getuid() == 0 else []
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *rooted])
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("NO BROWSER: the console and the widget are not tested; install chromium (apt install chromium)")
    async with browsing() as found:
        yield found


@asynccontextmanager
async def staffed(database_url: str, redis_url: str, count: int = 2) -> AsyncIterator[list[Server]]:
    """Servers, and two people who may operate."""
    await people.admit(database_url, OPERATOR, "Ada Lovelace", Role.ADMIN)
    await people.admit(database_url, COLLEAGUE, "Bob Noyce", Role.OPERATOR)
    async with servers(database_url, redis_url, count) as fleet:
        yield fleet


@pytest.fixture
async def pair(fresh_database: str, redis_url: str) -> AsyncIterator[list[Server]]:
    async with staffed(fresh_database, redis_url) as both:
        yield both


async def opened(
    browser: Browser, server: Server, path: str, width: int = 1280, height: int = 800
) -> tuple[Page, Watch]:
    """A page of somebody of their own, and what is to be said against it."""
    page = await (await browser.new_context(viewport={"width": width, "height": height})).new_page()
    page.set_default_timeout(ACT_MS)
    watch, home = Watch(), f"127.0.0.1:{server.port}"
    page.on("console", lambda said: watch.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: watch.complaints.append(str(error)))
    page.on("request", lambda asked: None if f"//{home}/" in asked.url else watch.strangers.append(asked.url))
    await page.goto(f"http://{home}{path}")
    return page, watch


async def signed_in(page: Page, login: people.Login = OPERATOR) -> None:
    """Through the form, as people do."""
    await page.get_by_label("E-mail").fill(login.email)
    await page.get_by_label("Password").fill(login.password)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", name="Inbox").wait_for()
