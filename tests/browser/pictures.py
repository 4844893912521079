"""The pictures of the README, taken of a real installation: `python3 dev.py pictures`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import httpx2
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import CHROMIUM, browsing, signed_in
from tests.browser.trial import Trial, entered, started
from tests.eventually import eventually
from tests.fleet.http import Http

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
PATIENCE_SECONDS = 60.0
PEOPLE = 240
OPENING = "# When are you open?\n\nFrom nine to six, Monday to Saturday. On Sundays we pack, and answer mail."
RETURNS = "# How can I send something back?\n\nWithin thirty days, unopened, with the label that came in the parcel."
TALKS = (
    ("Jonas Weber", ["Habt ihr am Samstag auch auf?"]),
    ("Ines Duarte", ["Can I have the sencha in a larger tin?", "The one of 250 g, I mean."]),
    ("Maja Lindqvist", ["Hello! My #parcel with the oolong was to come on Friday, and it is not here."]),
)
ANSWERS = ("Good morning, Maja. Let me look …", "It is in Malmö and comes today before six. Sorry for the wait!")
WORDS = "Hello {{ name }}, the first flush is here: spring, in a cup."


async def said(http: Http, method: str, path: str, body: Any = None) -> Any:
    """What a door answers; AssertionError when it refuses."""
    answer = await http.call(method, path, body)
    assert answer.status < 400, answer
    return answer.body


async def furnish(trial: Trial) -> str:
    """Somebody has worked here for a while; returns the thread that is shown."""
    for slug, text in (("opening", OPENING), ("returns", RETURNS)):
        title, _, words = text.removeprefix("# ").partition("\n\n")
        body = {"key": slug, "language": "en", "title": title, "text": words}
        await said(trial.http, "POST", "/assistant/articles", body)
    thread = ""
    for name, lines in TALKS:
        visitor = Http("127.0.0.1", trial.http.port)
        visitor.token = (await said(visitor, "POST", "/auth/guest", {"name": name}))["access_token"]
        for line in lines:
            thread = (await said(visitor, "POST", "/chat/send", {"text": line}))["thread_id"]
        visitor.close()
    await said(trial.http, "POST", f"/chat/threads/{thread}/take")
    for line in ANSWERS:
        message = await said(trial.http, "POST", "/chat/send", {"thread_id": thread, "text": line})
    await said(trial.http, "PUT", f"/chat/message/{message['id']}/reactions/%E2%9D%A4%EF%B8%8F")
    return thread


async def on_telegram(browser: Browser, trial: Trial) -> None:
    """Tomás writes to the bot, and is answered."""
    page, _ = await entered(browser, trial)
    await page.get_by_label("Write to the bot").fill("Good evening! When are you open?")
    await page.get_by_label("Write to the bot").press("Enter")
    await expect(page.get_by_role("log").get_by_text("From nine to six")).to_be_visible(timeout=PATIENCE_SECONDS * 1000)
    await page.screenshot(path=FOLDER / "telegram.png")


async def campaign(trial: Trial) -> str:
    """A campaign that has been sent; returns its address in the console."""
    names = [name.partition(" ")[0] for name, _ in TALKS] * (PEOPLE // len(TALKS))
    rows = "".join(f"{20_000 + number},{name},en,tea\n" for number, name in enumerate(names))
    signed = {"authorization": f"Bearer {trial.http.token}", "content-type": "text/csv"}
    async with httpx2.AsyncClient(base_url=trial.url, headers=signed) as client:
        answer = await client.post("/bot/imports", content="chat_id,name,language,tags\n" + rows)
    assert answer.status_code == 200, answer.text
    content = {"variants": {"en": {"text": WORDS, "buttons": [[{"text": "Show me", "data": "show"}]]}}}
    body = {"name": "First flush", "content": content, "audience": {"tag": "tea"}}
    one = await said(trial.http, "POST", "/broadcast/campaign", body)
    path = f"/broadcast/campaign/{one['id']}"
    await said(trial.http, "POST", f"{path}/start", {"confirm": PEOPLE})

    async def is_well_under_way() -> bool:
        return bool((await said(trial.http, "GET", path))["run"]["counts"]["sent"] > PEOPLE * 0.7)

    await eventually(is_well_under_way, within=PATIENCE_SECONDS)
    return f"#/campaigns/{one['id']}"


async def desk(browser: Browser, trial: Trial, place: str, *, width: int, height: int, dark: bool = False) -> Page:
    """The console at this place, signed in."""
    scheme: Any = "dark" if dark else "light"
    context = await browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = await context.new_page()
    await page.goto(trial.url)
    await signed_in(page, trial.login)
    await page.get_by_role("button", name="Hide this").click()
    await page.goto(f"{trial.url}/{place}")
    return page


async def widget(browser: Browser, trial: Trial) -> None:
    page = await (await browser.new_context(viewport={"width": 1000, "height": 640})).new_page()
    await page.goto(f"{trial.url}/demo")
    await page.get_by_role("button", name="Open the chat").click()
    await page.get_by_label("Write a message").fill("When are you open?")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_text("From nine to six")).to_be_visible(timeout=PATIENCE_SECONDS * 1000)
    await page.screenshot(path=FOLDER / "widget.png")


async def take(browser: Browser, trial: Trial) -> None:
    """All of them."""
    thread = await furnish(trial)
    await widget(browser, trial)
    await on_telegram(browser, trial)
    page = await desk(browser, trial, f"#/inbox/{thread}", width=1360, height=820)
    await expect(page.get_by_role("log").get_by_text(ANSWERS[-1])).to_be_visible()
    await expect(page.get_by_text("Suggested answers")).to_be_visible()
    await page.screenshot(path=FOLDER / "console.png")
    phone = await desk(browser, trial, f"#/inbox/{thread}", width=390, height=780, dark=True)
    await expect(phone.get_by_role("log").get_by_text(ANSWERS[-1])).to_be_visible()
    await phone.screenshot(path=FOLDER / "phone.png")
    page = await desk(browser, trial, await campaign(trial), width=1360, height=820)
    await expect(page.get_by_role("img", name="Chart of deliveries over time")).to_be_visible()
    await page.screenshot(path=FOLDER / "campaign.png")


async def main() -> None:
    """Into docs/pictures, over those that are there."""
    if CHROMIUM is None:
        sys.exit("There is no browser to take them with: install chromium (apt install chromium).")
    async with started() as trial, browsing() as browser:
        trial.name = "Tomás"
        await take(browser, trial)
    print(f"{', '.join(sorted(file.name for file in FOLDER.glob('*.png')))} in {FOLDER}")


if __name__ == "__main__":
    asyncio.run(main())
