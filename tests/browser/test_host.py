"""The widget on somebody else's site: it works where the admin allows it, and neither side changes the other's look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, expect

from server.auth.constants import Role
from server.embedded import people
from tests.browser.conftest import OPERATOR, Watch, signed_in
from tests.eventually import eventually
from tests.fleet.server import free_port, servers

PAGE = """HTTP/1.1 200 OK\r
content-type: text/html\r
connection: close\r
content-security-policy: {policy}\r
\r
<!doctype html><html lang="en"><title>Tea</title><style>p, button, section {{ display: none !important }}
parley-chat {{ --parley-accent: rgb(1, 2, 3) }}</style><h1>Tea</h1><p id="mine">mine</p>
<script src="{parley}/widget.js" data-title="Ask us" defer></script></html>"""


@asynccontextmanager
async def site(port: int, parley: str) -> AsyncIterator[str]:
    """A shop, at an origin of its own."""
    talks_to = f"{parley} {parley.replace('http', 'ws')}"
    policy = f"default-src 'none'; script-src {parley}; connect-src {talks_to}; style-src 'unsafe-inline'"
    page = PAGE.format(parley=parley, policy=policy).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(page)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        yield f"http://127.0.0.1:{port}"


async def test_it_talks_where_the_admin_allows_it(browser: Browser, fresh_database: str, redis_url: str) -> None:
    port = free_port()
    await people.admit(fresh_database, OPERATOR, "Ada Lovelace", Role.ADMIN)
    allowed = f'["http://127.0.0.1:{port}"]'
    async with servers(fresh_database, redis_url, 1, ALLOWED_ORIGINS=allowed) as (parley,):
        home = f"http://127.0.0.1:{parley.port}"
        async with site(port, home) as shop:
            visitor, watch = await (await browser.new_context()).new_page(), Watch()
            visitor.on("console", lambda said: watch.complaints.append(said.text) if said.type == "error" else None)
            await visitor.goto(shop)
            await visitor.get_by_role("button", name="Open the chat").click()
            await visitor.get_by_label("Write a message").fill("Is it green?")
            await visitor.get_by_role("button", name="Send").click()
            await expect(visitor.locator(".own:not(.pending)", has_text="Is it green?")).to_be_visible()
            await expect(visitor.locator("#mine")).to_be_hidden()
            desk = await (await browser.new_context()).new_page()
            await desk.goto(home)
            await signed_in(desk)
            await desk.locator(".line", has_text="Is it green?").click()
            await desk.get_by_label("Write a message").fill("As grass.")
            await desk.get_by_label("Write a message").press("Enter")
            await expect(visitor.get_by_text("As grass.")).to_be_visible()
            button = visitor.locator("parley-chat").get_by_role("button", name="Send")
            assert await button.evaluate("it => getComputedStyle(it).backgroundColor") == "rgb(1, 2, 3)"
            assert watch.complaints == []


async def test_it_does_not_where_nobody_did(browser: Browser, fresh_database: str, redis_url: str) -> None:
    async with (
        servers(fresh_database, redis_url, 1) as (parley,),
        site(free_port(), f"http://127.0.0.1:{parley.port}") as shop,
    ):
        visitor, watch = await (await browser.new_context()).new_page(), Watch()
        visitor.on("console", lambda said: watch.complaints.append(said.text) if said.type == "error" else None)
        await visitor.goto(shop)
        await visitor.get_by_role("button", name="Open the chat").click()
        await visitor.get_by_label("Write a message").fill("Is it green?")
        await visitor.get_by_role("button", name="Send").click()
        await expect(visitor.locator(".own.pending", has_text="Is it green?")).to_be_visible()
        await eventually(lambda: any("CORS policy" in said for said in watch.complaints), within=20.0)
