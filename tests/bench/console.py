"""The console as an operator feels it: in a real browser, against a server process of its own.

What the browser needs of a processor counts as ours: nobody has the console without it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import asyncpg
from playwright.async_api import Browser, Page

from server.auth.constants import Role
from server.embedded import people
from tests.bench.ground import Ground, ground
from tests.bench.library import fill
from tests.bench.report import Demand, Result, median, table
from tests.browser.conftest import CHROMIUM, OPERATOR, browsing, signed_in
from tests.eventually import eventually
from tests.fleet.http import Http
from tests.fleet.server import Server, person, running

LOADS, POSTS = 10, 100
LONG = 100_000
WIDE, HIGH = 1360, 820
SCROLL_SECONDS = 10.0
PIXELS = 150  # up in each frame: 9,000 a second, quicker than anybody reads
USABLE_SECONDS, SEEN_MS, FRAME_MS, ITEMS = 1.5, 150.0, 50.0, 330
THEIRS = "UPDATE threads SET kind = 'support', created_by = $2, subject = 'Long' WHERE id = $1"

# Each text that appears in the conversation is stamped by the clock that the bench has, too.
WATCH = """() => {
  window.seen = {};
  const look = () => document.querySelectorAll('[role=log] li.message .said > p')
    .forEach((one) => { window.seen[one.textContent] ??= Date.now(); });
  new MutationObserver(look).observe(document.querySelector('[role=log]'), { childList: true, subtree: true });
}"""
SCROLL = """async ([seconds, pixels]) => {
  const box = document.querySelector('[role=log]');
  const frames = [], until = performance.now() + seconds * 1000;
  let most = 0, before = performance.now();
  while (performance.now() < until) {
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - before);
    before = now;
    box.scrollTop -= pixels;
    most = Math.max(most, box.querySelectorAll('li.message').length);
  }
  const numbers = [...box.querySelectorAll('li.message')].map((one) => Number(one.id.slice(1)));
  return { frames, most, first: Math.min(...numbers) };
}"""


@dataclass(frozen=True, slots=True)
class Felt:
    """What an operator felt: seconds until it could be used, milliseconds until a post was seen, and the frames."""

    loads: list[float]
    seen: list[float]
    frames: list[float]
    most: int
    read: int


def part(values: list[float], share: float) -> float:
    """The value that so large a part of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def measure() -> Result:
    """Loads, then posts, then a long way up."""
    if CHROMIUM is None:
        raise SystemExit("There is no browser to measure in: install chromium (apt install chromium).")
    async with ground() as here:
        await people.admit(here.database_url, OPERATOR, "Ada Lovelace", Role.ADMIN)
        with TemporaryDirectory(prefix="parley-bench-") as folder:
            server = Server(here.database_url, here.redis_url, Path(folder))
            async with running([server]), browsing() as browser:
                felt = await _felt(here, server, browser)
    return _result(felt)


async def _felt(here: Ground, server: Server, browser: Browser) -> Felt:
    server.http.token, visitor = await person(server, "Greta")
    first = await server.http.call("POST", "/chat/send", {"text": "Hello?"})
    long = await fill(here.database_url, UUID(visitor), LONG)
    connection = await asyncpg.connect(here.database_url)
    await connection.execute(THEIRS, long, UUID(visitor))
    await connection.close()
    page = await (await browser.new_context(viewport={"width": WIDE, "height": HIGH})).new_page()
    await page.goto(f"http://127.0.0.1:{server.port}/")
    await signed_in(page)
    await page.locator(".line", has_text="Hello?").wait_for()
    loads = [await _load(page) for _ in range(LOADS)]
    await page.locator(".line", has_text="Hello?").click()
    await page.get_by_role("log").get_by_text("Hello?").wait_for()
    seen = await _seen(page, server.http, first.body["thread_id"])
    await page.goto(f"http://127.0.0.1:{server.port}/#/inbox/{long}")
    await page.reload()
    await page.locator(f"#m{LONG}").wait_for()
    way: Any = await page.evaluate(SCROLL, [SCROLL_SECONDS, PIXELS])
    return Felt(loads, seen, way["frames"], way["most"], LONG - way["first"])


async def _load(page: Page) -> float:
    """Seconds from the key that reloads to the first conversation in the inbox."""
    began = time.perf_counter()
    await page.reload(wait_until="commit")
    await page.locator(".line").first.wait_for()
    return time.perf_counter() - began


async def _seen(page: Page, http: Http, thread: str) -> list[float]:
    """Milliseconds from the moment at which somebody posts to the one at which the console shows it."""
    await page.evaluate(WATCH)
    posted = {}
    for number in range(POSTS):
        text = f"post {number}"
        posted[text] = time.time() * 1e3
        await http.call("POST", "/chat/send", {"thread_id": thread, "text": text})

        async def is_seen(text: str = text) -> bool:
            return bool(await page.evaluate("text => text in window.seen", text))

        await eventually(is_seen, within=20.0)
    found: dict[str, float] = await page.evaluate("window.seen")
    return [found[text] - at for text, at in posted.items()]


def _result(felt: Felt) -> Result:
    frame = part(felt.frames, 0.99)
    rows = [
        ("usable after a warm load, s", median(felt.loads)),
        ("the slowest of them, s", max(felt.loads)),
        ("somebody's post is seen after ms, p50", median(felt.seen)),
        ("p95", part(felt.seen, 0.95)),
        ("a frame while scrolling takes ms, p50", median(felt.frames)),
        ("p99", frame),
        ("messages read in ten seconds", float(felt.read)),
        ("messages in the page at most", float(felt.most)),
    ]
    figures = {name.replace(" ", "_").replace(",", "").replace("'", ""): value for name, value in rows}
    late = part(felt.seen, 0.95)
    demands = [
        Demand(f"usable within {USABLE_SECONDS} s of a warm load", f"{max(felt.loads):.2f} s", max(felt.loads) < 1.5),
        Demand(f"a post is seen within {SEEN_MS:.0f} ms, p95", f"{late:.0f} ms", late < SEEN_MS),
        Demand(f"{LONG:,} messages scroll: p99 of frames {FRAME_MS:.0f} ms", f"{frame:.0f} ms", frame < FRAME_MS),
        Demand(f"and no more than {ITEMS} of them are in the page", str(felt.most), felt.most <= ITEMS),
    ]
    what = "how much sooner the console can be used after a warm load than demanded"
    return Result(table(["of the console", "is"], rows), what, USABLE_SECONDS / max(felt.loads), figures, demands)
