"""TELEGRAM=fake: somebody is a person on Telegram, in a real browser, and somebody else answers as an operator."""

from __future__ import annotations

import base64
import itertools
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest
from playwright.async_api import Browser, FilePayload, Page, expect

from server.embedded.orphan import command_of
from tests.browser.trial import PATIENCE_SECONDS, Trial, at_desk, entered, started
from tests.eventually import eventually

people = itertools.count(1)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
async def installation() -> AsyncIterator[Trial]:
    async with started(ASSISTANT="none") as one:
        yield one


@pytest.fixture
def trial(installation: Trial) -> Trial:
    """One installation for all; each test has a person of its own."""
    return replace(installation, name=f"Ada {next(people)}")


async def writes(page: Page, text: str) -> None:
    await page.get_by_label("Write to the bot").fill(text)
    await page.get_by_label("Write to the bot").press("Enter")


@pytest.mark.timeout(240)
async def test_a_newcomer_talks_as_somebody_on_telegram(browser: Browser, trial: Trial) -> None:
    ada, watch = await entered(browser, trial)
    log = ada.get_by_role("log")
    await writes(ada, "is anybody there?")
    await writes(ada, "/help")
    await expect(log.get_by_text("Write what you want to know")).to_be_visible(timeout=PATIENCE_SECONDS * 1000)
    assert [message["text"] for message in (await trial.reads())[:2]] == ["is anybody there?", "/help"]
    message = await trial.says("yes, I am")
    await expect(log.get_by_text("yes, I am")).to_be_visible()
    await trial.becomes(message, "sent")
    await trial.http.call("PATCH", f"/chat/message/{message['id']}", {"text": "yes, we are"})
    await expect(log.get_by_text("yes, we are")).to_be_visible()
    await expect(log.get_by_text("yes, I am")).to_have_count(0)
    await trial.becomes(message, "sent")
    await trial.http.call("DELETE", f"/chat/message/{message['id']}")
    await expect(log.get_by_text("yes, we are")).to_have_count(0)
    await ada.get_by_role("button", name="Block the bot", exact=True).click()
    await expect(ada.get_by_role("button", name="Unblock the bot")).to_be_visible()
    blocked = await trial.says("still there?")
    await trial.becomes(blocked, "blocked")
    await ada.get_by_role("button", name="Unblock the bot").click()
    await expect(ada.get_by_role("button", name="Block the bot", exact=True)).to_be_visible()
    await expect(log.get_by_text("still there?")).to_have_count(0)
    await trial.sends_again(blocked)
    await expect(log.get_by_text("still there?")).to_be_visible()
    await ada.get_by_role("combobox").select_option("lost")
    unknown = await trial.says("perhaps")
    await trial.becomes(unknown, "unknown")
    await trial.sends_again(unknown)
    await expect(log.get_by_text("perhaps")).to_have_count(2)
    assert (watch.complaints, watch.strangers) == ([], [])


@pytest.mark.timeout(240)
async def test_photos_go_both_ways_with_marks_and_buttons(browser: Browser, trial: Trial) -> None:
    ada, watch = await entered(browser, trial)
    log = ada.get_by_role("log")
    await ada.get_by_label("Photo or document").set_input_files(
        FilePayload(name="a.png", mimeType="image/png", buffer=PNG)
    )
    await writes(ada, "my parcel")
    thread = await trial.thread()
    message = (await trial.reads())[0]
    assert (message["kind"], message["text"]) == ("photo", "my parcel")
    signed = {"authorization": f"Bearer {trial.http.token}"}
    async with httpx2.AsyncClient(base_url=trial.url, headers=signed) as client:
        assert (await client.get(f"/bot/file/{message['id']}")).content == PNG
        asked = {"thread_id": thread["id"], "name": "b.png"}
        file = await client.post("/chat/file", params=asked, content=PNG, headers={"content-type": "image/png"})
    buttons = [[{"text": "Yes", "data": "yes"}, {"text": "More", "url": "https://example.com/"}]]
    payload = {"type": "photo", "file": file.json()["id"], "buttons": buttons}
    photo = await trial.says("**this** one?", payload=payload, reply_to=message["id"])
    await trial.becomes(photo, "sent")
    answer = log.get_by_role("listitem").filter(has_text="this one?")
    await expect(answer.locator("strong")).to_have_text("this")
    await expect(answer.locator(".quote")).to_have_text("my parcel")
    await expect(answer.get_by_role("link", name="More")).to_have_attribute("href", "https://example.com/")
    assert await answer.get_by_role("img").evaluate("img => img.decode().then(() => img.naturalWidth)") == 1
    await answer.get_by_role("button", name="Yes").click()
    await eventually(lambda: _said(trial, ["my parcel", "**this** one?", "Yes"]), within=PATIENCE_SECONDS)
    pressed = (await trial.reads())[-1]
    assert (pressed["kind"], pressed["payload"], pressed["reply_to"]) == ("button", {"data": "yes"}, photo["id"])
    assert (watch.complaints, watch.strangers) == ([], [])


@pytest.mark.timeout(240)
async def test_the_console_shows_photos_and_what_did_not_arrive(browser: Browser, trial: Trial) -> None:
    ada, _ = await entered(browser, trial)
    file = FilePayload(name="a.png", mimeType="image/png", buffer=PNG)
    await ada.get_by_label("Photo or document").set_input_files(file)
    await writes(ada, "my parcel")
    await trial.thread()
    desk, watch = await at_desk(browser, trial)
    log = desk.get_by_role("log")
    await desk.locator(".line", has_text=trial.name).click()
    await expect(log.get_by_role("img", name="File")).to_be_visible()
    await expect(log.get_by_text(trial.name, exact=True)).to_be_visible()
    await desk.get_by_label("Attach a photo or a file").set_input_files(file)
    await desk.get_by_label("Write a message").fill("**this** one?")
    await desk.get_by_label("Write a message").press("Enter")
    await expect(log.get_by_role("img", name="File")).to_have_count(2)
    answer = ada.get_by_role("log").get_by_role("listitem").filter(has_text="this one?")
    await expect(answer.get_by_role("img")).to_be_visible()
    await ada.get_by_role("combobox").select_option("lost")
    await desk.get_by_label("Write a message").fill("well?")
    await desk.get_by_label("Write a message").press("Enter")
    await expect(log.get_by_text("Nobody knows whether it arrived")).to_be_visible()
    await log.get_by_role("button", name="Send again").click()
    await expect(ada.get_by_role("log").get_by_text("well?")).to_have_count(2)
    await expect(log.get_by_role("button", name="Send again")).to_have_count(0)
    assert (watch.complaints, watch.strangers) == ([], [])


@pytest.mark.timeout(240)
async def test_a_restart_of_the_fake_does_not_confuse_parley(browser: Browser, trial: Trial) -> None:
    ada, _ = await entered(browser, trial)
    await writes(ada, "before")
    await eventually(lambda: _said(trial, ["before"]), within=PATIENCE_SECONDS)
    (fake,) = [pid for pid in trial.parley.descendants(trial.parley.pid) if "fake-telegram" in (command_of(pid) or "")]
    os.kill(fake, signal.SIGKILL)
    again, _ = await entered(browser, trial)
    await writes(again, "after")
    await eventually(lambda: _said(trial, ["before", "after"]), within=PATIENCE_SECONDS)


async def _said(trial: Trial, texts: list[str]) -> bool:
    assert [message["text"] for message in await trial.reads()] == texts
    return True


@pytest.mark.timeout(240)
async def test_the_console_shows_who_it_is_and_why_a_person_was_called(browser: Browser, trial: Trial) -> None:
    ada, _ = await entered(browser, trial)
    await writes(ada, "is anybody there?")
    thread = await trial.thread()
    found = (await trial.http.call("GET", f"/bot/contacts?thread_id={thread['id']}")).body["contacts"]
    assert [contact["name"] for contact in found] == [trial.name]
    known = {"tags": ["customer"], "language": "de", "attributes": {"city": "Bern"}}
    await trial.http.call("PATCH", f"/bot/contacts/{found[0]['id']}", known)
    desk, watch = await at_desk(browser, trial)
    await desk.set_viewport_size({"width": 1280, "height": 800})
    await desk.locator(".line", has_text=trial.name).click()
    about = desk.get_by_role("region", name="About")
    for words in ("customer", "German", "Bern"):
        await expect(about.get_by_text(words, exact=True)).to_be_visible()
    await expect(about.get_by_text("Called a person: the assistant is off")).to_be_visible(
        timeout=PATIENCE_SECONDS * 1000
    )
    await desk.reload()  # the language was found after the first reading of the list
    await desk.get_by_label("Language", exact=True).select_option("en")
    await expect(desk.locator(".line", has_text=trial.name)).to_be_visible()
    await desk.get_by_role("button", name="Contacts", exact=True).click()
    await desk.get_by_role("link", name=trial.name).click()
    await expect(desk.get_by_role("log").get_by_text("is anybody there?")).to_be_visible()
    await desk.reload()  # the conversation stands in the address
    await expect(desk.get_by_role("log").get_by_text("is anybody there?")).to_be_visible()
    await desk.go_back()
    await expect(desk.get_by_role("heading", name="Contacts", exact=True)).to_be_visible()
    assert (watch.complaints, watch.strangers) == ([], [])
