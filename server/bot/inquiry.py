"""What a server asks the Bot API: who the bot is, and for somebody's file. Sends nothing to anybody.

Without python-telegram-bot, whose import costs each server process 0.6 s of CPU and 9 MB, for three questions.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import aiohttp

from server.bot.schemas import TelegramView
from server.errors import Invalid, Missing, Unavailable

ABOUT_SECONDS = 3.0
FILE_BYTES = 50_000_000  # Telegram gives bots 20 MB; a Bot API server of your own gives more
PIECE_BYTES = 65_536
AT_ONCE = 16  # connections of one process
TIMEOUT = aiohttp.ClientTimeout(total=None, connect=5.0, sock_read=15.0)
AWAY = (aiohttp.ClientError, TimeoutError, OSError)
TOO_BIG = "file is too big"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file on its way here. Whoever holds the pieces closes them."""

    size: int | None
    pieces: AsyncGenerator[bytes, None]


class Refused(Exception):
    """Telegram says no; the text says why."""


class Inquiry:
    """One bot's questions. Connects on the first one, so that a server may start while Telegram is away."""

    def __init__(self, token: str, api: str) -> None:
        self._calls, self._files = f"{api}/bot{token}/", f"{api}/file/bot{token}/"
        self._session: aiohttp.ClientSession | None = None
        self._username = ""

    async def close(self) -> None:
        """Hang up."""
        if self._session is not None:
            await self._session.close()

    async def about(self) -> TelegramView:
        """What Telegram says of the bot, soon or not at all."""
        try:
            async with asyncio.timeout(ABOUT_SECONDS):
                own, hook = await asyncio.gather(self._ask("getMe"), self._ask("getWebhookInfo"))
        except Refused as error:
            return TelegramView(error=str(error))
        except AWAY:
            return TelegramView(error="Telegram does not answer")
        return TelegramView(
            username=own.get("username"),
            webhook_url=hook.get("url"),
            pending_updates=hook.get("pending_update_count"),
            last_error=hook.get("last_error_message") or None,
        )

    async def username(self) -> str:
        """How the bot is called, asked once. Raises Unavailable while Telegram is away."""
        try:
            async with asyncio.timeout(ABOUT_SECONDS):
                self._username = self._username or str((await self._ask("getMe"))["username"])
        except (Refused, *AWAY) as error:
            raise Unavailable("telegram_unavailable", "Telegram does not answer; repeat", retry_after=5.0) from error
        return self._username

    async def fetch(self, file_id: str) -> Fetched:
        """Somebody's file. Raises Missing, Invalid for one that is too large, Unavailable while Telegram is away."""
        try:
            found = await self._ask("getFile", file_id=file_id)
            size = found.get("file_size")
            if size is not None and size > FILE_BYTES:
                raise Refused(TOO_BIG)
            pieces = self._pieces(str(found.get("file_path", "")))
            await anext(pieces)  # from here on it is open, and closing it closes the connection
        except Refused as error:
            if TOO_BIG in str(error):
                raise Invalid(
                    "file_too_large", "Telegram gives no file of this size to bots; ask for another"
                ) from error
            raise Missing("no_such_file", f"Telegram does not give this file: {error}") from error
        except AWAY as error:
            raise Unavailable("telegram_unavailable", "Telegram does not answer; repeat", retry_after=5.0) from error
        return Fetched(size, pieces)

    async def _pieces(self, path: str) -> AsyncGenerator[bytes, None]:
        """Nothing first, once it is there; then what it holds. More than it may hold ends it."""
        async with self._opened().get(self._files + path) as answer:
            if answer.status != 200:
                raise Refused(f"status {answer.status}")
            yield b""
            left = FILE_BYTES
            async for piece in answer.content.iter_chunked(PIECE_BYTES):
                left -= len(piece)
                if left < 0:
                    return
                yield piece

    async def _ask(self, method: str, **fields: Any) -> dict[str, Any]:
        async with self._opened().post(self._calls + method, json=fields) as answer:
            content = await answer.read()
        try:
            said: dict[str, Any] = json.loads(content)
            result: dict[str, Any] | None = said.get("result")
        except (ValueError, AttributeError) as error:
            raise aiohttp.ClientPayloadError(f"no answer of the Bot API, status {answer.status}") from error
        if not said.get("ok") or result is None:
            raise Refused(str(said.get("description", f"status {answer.status}")))
        return result

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=AT_ONCE), cookie_jar=aiohttp.DummyCookieJar(), timeout=TIMEOUT
            )
        return self._session
