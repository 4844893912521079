"""One message of a campaign to the Bot API, and what its answer means. Knows no table and no pace, and tries once.

Not with python-telegram-bot: its 2 ms of CPU a call are nothing for a reply, and half a machine for a campaign.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from server.bot.outcomes import Delivered, Later, Moved, Outcome, Refused, Unclear
from server.broadcast.constants import CALL_SECONDS, WHY_CHARACTERS

AT_ONCE = 256  # connections of one process
KEPT_SECONDS = 30.0  # an idle connection; Telegram keeps them for longer
AWAY_SECONDS = 2.0
CONTENT = {"content-type": "application/json"}
TRY_AGAIN = frozenset({500, 502, 503})  # a 504 is no such: whoever waited in vain does not know what was done


class Revoked(Exception):
    """Telegram does not know the bot's token: nothing can be sent to anybody."""


class _Parameters(msgspec.Struct):
    retry_after: float | None = None
    migrate_to_chat_id: int | None = None


class _Message(msgspec.Struct):
    message_id: int = 0


class _Answer(msgspec.Struct):
    ok: bool
    result: _Message | None = None
    description: str = ""
    parameters: _Parameters | None = None


_read = msgspec.json.Decoder(_Answer).decode
_write = msgspec.json.Encoder().encode


class Client:
    """Kept connections of this process to the Bot API; made at the first use."""

    def __init__(self, token: str, api: str) -> None:
        self._address = f"{api}/bot{token}/"
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Hang up."""
        if self._session is not None:
            await self._session.close()

    async def call(self, method: str, fields: Mapping[str, Any]) -> Outcome:
        """What became of it. Raises Revoked, and nothing else that Telegram or the network does."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await self._exchange(method, fields)
        except aiohttp.ClientConnectorError as error:  # not a byte of the request has left
            return Later(AWAY_SECONDS, f"Telegram cannot be reached: {error}"[:WHY_CHARACTERS])
        except TimeoutError:
            return Unclear(f"no answer within {CALL_SECONDS:g} s; it may have arrived")
        except (aiohttp.ClientError, OSError, msgspec.MsgspecError) as error:
            return Unclear(f"the answer broke off, it may have arrived: {error!r}"[:WHY_CHARACTERS])

    async def _exchange(self, method: str, fields: Mapping[str, Any]) -> Outcome:
        async with self._opened().post(self._address + method, data=_write(fields), headers=CONTENT) as response:
            status = response.status
            if status in TRY_AGAIN:
                return Later(AWAY_SECONDS, f"Telegram's servers answered {status}")
            return outcome_of(status, await response.read())

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=AT_ONCE, keepalive_timeout=KEPT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session


def outcome_of(status: int, body: bytes) -> Outcome:
    """What an answer says. Raises Revoked, and MsgspecError for what is no answer of the Bot API."""
    if status in (401, 404):
        raise Revoked
    answer = _read(body)
    if answer.ok and answer.result is not None:
        return Delivered(answer.result.message_id)
    reason = answer.description[:WHY_CHARACTERS].replace("\x00", "")
    parameters = answer.parameters or _Parameters()
    if parameters.migrate_to_chat_id is not None:
        return Moved(parameters.migrate_to_chat_id)
    if status == 429:
        return Later(parameters.retry_after or AWAY_SECONDS, reason, is_for_all=True)
    if status == 403:
        return Refused("blocked", reason)
    if 400 <= status < 500:
        return Refused("failed", reason)
    return Unclear(f"{status}: {reason}")
