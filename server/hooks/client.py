"""One signed request to somebody else's server, on an address that was checked. Knows no table and tries once."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from uuid import UUID

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from server import clock
from server.config import VERSION
from server.hooks import signing
from server.hooks.constants import ANSWER_BYTES, CALL_SECONDS, WHY_CHARACTERS
from server.hooks.targets import Reach, Refused

LOOKUPS = 64  # threads that ask name servers: a name that hangs holds up one of them
CONTENT = {"content-type": "application/json", "user-agent": f"Parley/{VERSION}"}


@dataclass(frozen=True, slots=True)
class Notice:
    """One event on its way to one endpoint."""

    url: str
    secrets: tuple[str, ...]
    event_id: UUID
    kind: str
    occurred_at: datetime
    data: str

    @property
    def webhook_id(self) -> str:
        """The same at every attempt and every replay: receivers keep it to know a repeat."""
        return f"evt_{self.event_id.hex}"

    @property
    def body(self) -> bytes:
        """What is sent, the same at every attempt."""
        head = json.dumps({"type": self.kind, "timestamp": self.occurred_at.isoformat()})
        return f'{head[:-1]},"data":{self.data}}}'.encode()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back: a status and the beginning of the answer, or why there is none."""

    status: int | None
    answer: str
    seconds: float
    retry_after: float | None = None

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has it: any 2xx says so."""
        return self.status is not None and 200 <= self.status < 300


class CheckedResolver(AbstractResolver):
    """Every address of a name is checked, and those that were checked are connected to: a second look-up has no say."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="hooks-names")

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        )
        addresses = [(str(address[0]), number) for number, _, _, _, address in found]
        for address, _ in addresses:
            try:
                self._reach.check(address)
            except Refused as error:
                raise OSError(errno.EACCES, f"{host}: {error}") from error
        return [
            ResolveResult(hostname=host, host=address, port=port, family=number, proto=0, flags=socket.AI_NUMERICHOST)
            for address, number in addresses
        ]

    @override
    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class Client:
    """Kept connections to all receivers of this process; made at the first use."""

    def __init__(self, reach: Reach, call_seconds: float = CALL_SECONDS) -> None:
        self._reach = reach
        self._call_seconds = call_seconds
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Hang up."""
        if self._session is not None:
            await self._session.close()

    async def send(self, notice: Notice) -> Outcome:
        """Send it signed and return what came back, within a bounded time. Never raises for what a receiver does."""
        began = clock.monotonic()
        try:
            self._reach.check_url(notice.url)
            async with asyncio.timeout(self._call_seconds):
                return await self._exchange(notice, began)
        except TimeoutError:
            return self._without(f"no answer within {self._call_seconds:g} s", began)
        except (Refused, aiohttp.ClientError, OSError, ValueError) as error:
            return self._without(f"{type(error).__name__}: {error}", began)

    def _without(self, why: str, began: float) -> Outcome:
        return Outcome(None, why[:WHY_CHARACTERS].replace("\x00", ""), clock.monotonic() - began)

    async def _exchange(self, notice: Notice, began: float) -> Outcome:
        body = notice.body
        signed = signing.headers(notice.secrets, notice.webhook_id, int(clock.now().timestamp()), body)
        # A redirect would lead where nobody checked: it is an answer like any other that is not 2xx.
        async with self._opened().post(
            notice.url, data=body, headers={**CONTENT, **signed}, allow_redirects=False
        ) as response:
            answer = await _beginning(response)
            seconds = clock.monotonic() - began
            text = answer.decode("utf-8", "replace").replace("\x00", "")
            return Outcome(response.status, text, seconds, _retry_after(response.headers.get("retry-after")))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=CheckedResolver(self._reach), limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._call_seconds),
                auto_decompress=False,  # a small answer may unpack to gigabytes
            )
        return self._session


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """The first bytes of the answer; a longer one ends its connection."""
    found = b""
    while len(found) < ANSWER_BYTES and (more := await response.content.read(ANSWER_BYTES - len(found))):
        found += more
    if not response.content.at_eof():
        response.close()
    return found


def _retry_after(value: str | None) -> float | None:
    if value is None:
        return None
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - clock.now()).total_seconds())
    except (ValueError, TypeError):
        return None
