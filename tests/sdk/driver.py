"""Both stock SDKs behind the same verbs, in both flavours: one test can be told four times."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest
from centrifuge import CentrifugeError, Client, ClientEventHandler, SubscriptionEventHandler
from centrifuge.contexts import (
    ConnectedContext,
    ConnectingContext,
    DisconnectedContext,
    PublicationContext,
    SubscribedContext,
    SubscribingContext,
    UnsubscribedContext,
)
from typing_extensions import override

from tests.eventually import eventually

HERE = Path(__file__).parent
HAS_JAVASCRIPT = shutil.which("node") is not None and (HERE / "node_modules" / "centrifuge").exists()

Event = Mapping[str, Any]
Flavour = Literal["json", "protobuf"]


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code


class Person(ABC):
    """One client of an SDK and everything that happened to it."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @abstractmethod
    async def connect(self, url: str, token: str) -> None: ...

    @abstractmethod
    async def subscribe(self, channel: str) -> None: ...

    @abstractmethod
    async def publish(self, channel: str, data: Any) -> None: ...

    @abstractmethod
    async def rpc(self, method: str, data: Any) -> Any: ...

    @abstractmethod
    async def leave(self) -> None: ...

    def seen(self, event: str, **wanted: Any) -> list[Event]:
        """What happened of this kind."""
        return [e for e in self.events if e["event"] == event and wanted.items() <= dict(e).items()]

    def heard(self, channel: str) -> list[tuple[int, Any]]:
        """Offset and data of every publication."""
        return [(e["offset"], e["data"]) for e in self.seen("publication", channel=channel)]

    async def enters(self, url: str, token: str, channel: str) -> None:
        """Connect and subscribe, and wait until both are done."""
        await self.connect(url, token)
        await eventually(lambda: self.seen("connected"))
        await self.subscribe(channel)
        await eventually(lambda: self.seen("subscribed", channel=channel))


class Pythonic(Person):
    """centrifuge-python."""

    def __init__(self, flavour: Flavour = "json") -> None:
        super().__init__()
        self.flavour = flavour
        self.client: Client | None = None

    @override
    async def connect(self, url: str, token: str) -> None:
        self.client = Client(
            url,
            events=_Connection(self.events),
            token=token,
            min_reconnect_delay=0.05,
            use_protobuf=self.flavour == "protobuf",
        )
        await self.client.connect()

    @override
    async def subscribe(self, channel: str) -> None:
        assert self.client is not None
        subscription = self.client.new_subscription(channel, events=_Subscription(self, channel))
        await subscription.subscribe()

    @override
    async def publish(self, channel: str, data: Any) -> None:
        assert self.client is not None
        try:
            await self.client.publish(channel, self.packed(data))
        except CentrifugeError as error:
            raise Refused(getattr(error, "code", 0), str(error)) from error

    @override
    async def rpc(self, method: str, data: Any) -> Any:
        assert self.client is not None
        try:
            return self.unpacked((await self.client.rpc(method, self.packed(data))).data)
        except CentrifugeError as error:
            raise Refused(getattr(error, "code", 0), str(error)) from error

    @override
    async def leave(self) -> None:
        if self.client is not None:
            await self.client.disconnect()

    def packed(self, data: Any) -> Any:
        """The data as this flavour wants it: protobuf carries bytes, and JSON in them is the caller's affair."""
        return json.dumps(data).encode() if self.flavour == "protobuf" else data

    def unpacked(self, data: Any) -> Any:
        return json.loads(data) if self.flavour == "protobuf" else data


class _Connection(ClientEventHandler):
    def __init__(self, events: list[Event]) -> None:
        self.events = events

    @override
    async def on_connecting(self, ctx: ConnectingContext) -> None:
        self.events.append({"event": "connecting", "code": int(ctx.code)})

    @override
    async def on_connected(self, ctx: ConnectedContext) -> None:
        self.events.append({"event": "connected"})

    @override
    async def on_disconnected(self, ctx: DisconnectedContext) -> None:
        self.events.append({"event": "disconnected", "code": int(ctx.code)})


class _Subscription(SubscriptionEventHandler):
    def __init__(self, person: Pythonic, channel: str) -> None:
        self.person = person
        self.channel = channel
        self.events = person.events

    @override
    async def on_subscribing(self, ctx: SubscribingContext) -> None:
        self.events.append({"event": "subscribing", "channel": self.channel, "code": int(ctx.code)})

    @override
    async def on_subscribed(self, ctx: SubscribedContext) -> None:
        self.events.append({"event": "subscribed", "channel": self.channel, "recovered": ctx.recovered})

    @override
    async def on_unsubscribed(self, ctx: UnsubscribedContext) -> None:
        self.events.append({"event": "unsubscribed", "channel": self.channel, "code": int(ctx.code)})

    @override
    async def on_publication(self, ctx: PublicationContext) -> None:
        data = self.person.unpacked(ctx.pub.data)
        heard = {"event": "publication", "channel": self.channel, "offset": ctx.pub.offset, "data": data}
        self.events.append(heard)


class JavaScript(Person):
    """npm centrifuge, in a node process of its own that `javascript` started."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        super().__init__()
        self._process = process
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def ask(self, verb: str, **words: Any) -> Any:
        """One verb of talk.mjs, answered."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        command = {"number": number, "verb": verb, "client": "me", **words}
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        async with asyncio.timeout(20):
            return await answer

    @override
    async def connect(self, url: str, token: str) -> None:
        await self.ask("connect", url=url, token=token)

    @override
    async def subscribe(self, channel: str) -> None:
        await self.ask("subscribe", channel=channel)

    @override
    async def publish(self, channel: str, data: Any) -> None:
        await self.ask("publish", channel=channel, data=data)

    @override
    async def rpc(self, method: str, data: Any) -> Any:
        return (await self.ask("rpc", method=method, data=data))["data"]

    @override
    async def leave(self) -> None:
        if self._process.returncode is None:
            await self.ask("disconnect")

    async def listen(self) -> None:
        """Take in what the process says until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "event" in said:
                self.events.append(said)
            elif error := said.get("error"):
                self._answers.pop(said["answer"]).set_exception(Refused(error["code"], error["message"]))
            else:
                self._answers.pop(said["answer"]).set_result(said["result"])


@asynccontextmanager
async def javascript(flavour: Flavour = "json") -> AsyncIterator[JavaScript]:
    """Somebody with the JavaScript SDK, gone at the end."""
    process = await asyncio.create_subprocess_exec(
        *("node", str(HERE / "talk.mjs"), flavour),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=8_388_608,
    )
    person = JavaScript(process)
    listening = asyncio.create_task(person.listen())
    try:
        yield person
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
        await listening


@asynccontextmanager
async def pythonic(flavour: Flavour = "json") -> AsyncIterator[Pythonic]:
    """Somebody with the Python SDK, gone at the end."""
    person = Pythonic(flavour)
    try:
        yield person
    finally:
        await person.leave()


Enter = Callable[[], AbstractAsyncContextManager[Person]]
FLAVOURS: tuple[Flavour, ...] = ("json", "protobuf")
NEEDS_NODE = pytest.mark.skipif(not HAS_JAVASCRIPT, reason="needs node, and `npm ci` in tests/sdk")
EVERY_SDK = [
    *(pytest.param(partial(pythonic, each), id=f"python-{each}") for each in FLAVOURS),
    *(pytest.param(partial(javascript, each), id=f"javascript-{each}", marks=NEEDS_NODE) for each in FLAVOURS),
]
