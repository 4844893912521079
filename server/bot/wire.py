"""python-telegram-bot's requests over aiohttp: a tenth of the CPU of its own client. Knows no method of the Bot API."""

from __future__ import annotations

from typing import Any
from urllib.request import getproxies

import aiohttp
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData
from typing_extensions import override

CONNECT_SECONDS = 5.0  # to wait for a free connection and to make one
IDLE_SECONDS = 5.0  # a connection kept for longer may be closed by Telegram in the very moment of the next call
FORM = {"content-type": "application/x-www-form-urlencoded"}

# Not a byte of the request has left: it may be repeated. Of every other failure nobody knows whether it was taken.
UNSENT = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, aiohttp.ConnectionTimeoutError)


class Wire(BaseRequest):
    """So many kept connections at most, made at the first use; a proxy of the environment is used."""

    def __init__(self, connections: int, call_seconds: float, upload_seconds: float) -> None:
        self._connections = connections
        self._call_seconds = call_seconds
        self._upload_seconds = upload_seconds
        self._session: aiohttp.ClientSession | None = None

    @property
    @override
    def read_timeout(self) -> float:
        return self._call_seconds

    @override
    async def initialize(self) -> None:
        """Nothing is opened before it is needed."""

    @override
    async def shutdown(self) -> None:
        """Hang up."""
        if self._session is not None:
            await self._session.close()

    @override
    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *_: Any, **timeouts: Any
    ) -> tuple[int, bytes]:
        """The status and the answer; raises TimedOut or NetworkError, whose cause says whether anything has left.

        Of the timeouts that python-telegram-bot hands on, only a longer wait for the answer is heeded.
        """
        data, headers = _content(request_data)
        is_upload = isinstance(data, aiohttp.FormData)
        seconds = self._upload_seconds if is_upload else self._call_seconds
        asked = timeouts.get("read_timeout")
        if isinstance(asked, int | float):
            seconds = max(seconds, float(asked))
        timeout = aiohttp.ClientTimeout(total=CONNECT_SECONDS + seconds, connect=CONNECT_SECONDS, sock_read=seconds)
        try:
            async with self._opened().request(
                method, url, data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                return response.status, await response.read()
        except TimeoutError as error:
            raise TimedOut(f"no answer within {seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            # Its text may name the address, which holds the token.
            raise NetworkError(f"the connection to Telegram broke: {type(error).__name__}") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=bool(getproxies()),  # looked for at every call, which costs as much as the call
            )
        return self._session


def _content(request: RequestData | None) -> tuple[bytes | aiohttp.FormData | None, dict[str, str]]:
    """What is sent: a form, in parts where files come along."""
    if request is None:
        return None, {}
    if not request.contains_files:
        return request.url_encoded_parameters().encode(), FORM
    form = aiohttp.FormData(request.json_parameters, quote_fields=False)  # names as they are
    for name, (filename, content, kind) in (request.multipart_data or {}).items():
        form.add_field(name, content, filename=filename, content_type=kind)
    return form, {}
