"""Who listens to which channel, over all nodes: kept in Redis under a lease of each node. Knows no socket.

    parley:presence:nodes             sorted set: a node's id, and until when its lease runs (Redis' own clock)
    parley:presence:node:<id>         set: the places its clients have, `<client> <channel>`
    parley:presence:channel:<name>    hash: the client, and `<node> <ClientInfo as JSON>`

A node that stops renewing its lease counts as gone at once, and for ever: whoever sees it first takes its clients away
and tells those who listen. Whose next beat finds no lease, because it slept or because Redis forgot, takes another id
and puts everybody back.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from server import ids, valkey
from server.errors import Unavailable
from server.logging import named
from server.realtime import news
from server.realtime.protocol import NOTHING, ClientInfo
from server.realtime.seam import Identity, Motion

LEASE_SECONDS = 10.0  # a killed node's clients are gone, and said to be gone, about so long after
BEAT_SECONDS = 3.0
PENDING_LIMIT = 50_000  # changes Redis has not taken; with more, everything is put back when it is there again
REST_SECONDS = 0.05  # between two writes: a crowd that comes at once is a few of them
BATCH = 1_000  # places of a dead node taken away at once
FLUSH_SECONDS = 5.0

# Each script has one key: a cluster keeps several on different servers.
NODES = "parley:presence:nodes"
NOW = "local t = redis.call('TIME') local now = t[1] + t[2] / 1000000 "
BEGIN = f"{NOW} redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])"
BEAT = f"""{NOW}
local was = redis.call('ZSCORE', KEYS[1], ARGV[1])
local is_alive = was and tonumber(was) >= now
if is_alive then redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1]) end
return {{is_alive and 1 or 0, redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. now)}}"""
ALIVE = f"{NOW} return redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')"
TAKE = """
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if not kept or string.sub(kept, 1, #ARGV[2]) ~= ARGV[2] then return '' end
redis.call('HDEL', KEYS[1], ARGV[1])
return kept"""

Place = tuple[str, str]
_dice = random.Random()  # noqa: S311 — spreads what nodes do, keeps no secret
log = named(__name__)


class Presence:
    """Arrivals and departures are told at once and written soon; whoever asks waits until they are written."""

    def __init__(self, url: str, tell: Callable[[str, bytes], None]) -> None:
        """`tell` says a payload to all who listen to a channel."""
        self._redis: Any = valkey.connect(url, answer_seconds=None)  # each call is bounded here, and may be cancelled
        self._tell = tell
        self._node = ids.new().hex
        self._here: dict[Place, bytes] = {}
        self._pending: dict[Place, bytes | None] = {}
        self._must_restore = False
        self._has_begun = False
        self._motions: dict[str, list[Motion]] = {}
        self._flushing = asyncio.Lock()
        self._wake = asyncio.Event()

    def arrive(self, channel: str, client: str, who: Identity) -> None:
        """Somebody listens from now on."""
        info = _info(client, who)
        self._here[channel, client] = info
        self._write((channel, client), info)
        self._say(channel, info, has_come=True)

    def depart(self, channel: str, client: str) -> None:
        """Somebody listens no longer; who was not here is gone already."""
        info = self._here.pop((channel, client), None)
        if info is not None:
            self._write((channel, client), None)
            self._say(channel, info, has_come=False)

    async def of(self, channel: str) -> Mapping[str, ClientInfo]:
        """Who listens, by client; raises Unavailable."""
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._flush()
                alive = await self._alive()
                kept = await self._redis.hgetall(_channel(channel))
        except valkey.FAILURES as error:
            raise Unavailable("presence_unknown", "who listens is not known at the moment; try again") from error
        return {client.decode(): info for client, (node, info) in _read(kept).items() if node in alive}

    async def _alive(self) -> set[str]:
        return {each.decode() for each in await self._redis.eval(ALIVE, 1, NODES)}

    async def keep(self) -> None:
        """Write what changes, renew the lease, take away the clients of nodes that are gone. Ends by cancellation."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_beating())
            tasks.create_task(self._keep_writing())

    async def close(self) -> None:
        """Take everybody here away, and hang up."""
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._flush()
                await self._redis.zrem(NODES, self._node)
        except valkey.FAILURES as why:
            log.warning("presence_left_behind", why=str(why))  # the lease ends by itself
        await self._redis.aclose()

    def _say(self, channel: str, info: bytes, *, has_come: bool) -> None:
        """Told with the others of this turn of the loop: a crowd that comes at once is one message a channel."""
        if not self._motions:
            asyncio.get_running_loop().call_soon(self._say_all)
        self._motions.setdefault(channel, []).append(Motion(info, has_come))

    def _say_all(self) -> None:
        motions, self._motions = self._motions, {}
        for channel, some in motions.items():
            for payload in news.write("", some):
                self._tell(channel, payload)

    def _write(self, place: Place, info: bytes | None) -> None:
        self._pending[place] = info
        if len(self._pending) > PENDING_LIMIT:
            self._pending, self._must_restore = {}, True
        self._wake.set()

    async def _keep_writing(self) -> None:
        while True:
            await self._wake.wait()
            try:
                await self._flush()
                await asyncio.sleep(REST_SECONDS)
            except valkey.FAILURES as why:
                log.warning("presence_unwritten", why=str(why))
                await asyncio.sleep(BEAT_SECONDS * _dice.uniform(0.5, 1))

    async def _flush(self) -> None:
        """Write what is pending, in one go; what fails is pending again, behind what came meanwhile."""
        async with self._flushing:
            self._wake.clear()
            if self._must_restore:
                self._pending, self._must_restore = {**self._here, **self._pending}, False
            if not self._pending:
                return
            changes, self._pending = self._pending, {}
            try:
                await self._ask(self._put(changes))
            except BaseException:
                self._pending = {**changes, **self._pending}
                self._wake.set()
                raise

    async def _put(self, changes: Mapping[Place, bytes | None]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        come: dict[str, dict[str, bytes]] = {}
        gone: dict[str, list[str]] = {}
        mark = self._node.encode() + b" "
        for (channel, client), info in changes.items():
            if info is None:
                gone.setdefault(channel, []).append(client)
            else:
                come.setdefault(channel, {})[client] = mark + info
        arrived = [f"{client} {channel}" for channel, clients in come.items() for client in clients]
        departed = [f"{client} {channel}" for channel, clients in gone.items() for client in clients]
        if arrived:  # noted before they are put: whoever is put is found again
            pipe.sadd(_node(self._node), *arrived)
        for channel, fields in come.items():
            pipe.hset(_channel(channel), mapping=fields)
        for channel, clients in gone.items():
            pipe.hdel(_channel(channel), *clients)
        if departed:
            pipe.srem(_node(self._node), *departed)
        await pipe.execute()

    async def _keep_beating(self) -> None:
        while True:
            try:
                await self._beat()
            except valkey.FAILURES as why:
                log.warning("presence_beat_missed", why=str(why))
            await asyncio.sleep(BEAT_SECONDS * _dice.uniform(0.7, 1))

    async def _beat(self) -> None:
        is_alive, dead = await self._ask(self._redis.eval(BEAT, 1, NODES, self._node, LEASE_SECONDS))
        if is_alive and self._has_begun:
            for node in dead:
                await self._bury(node.decode())
        else:  # nobody is buried now: if it was Redis that stood still, the others are about to begin anew, too
            await self._begin_anew()

    async def _begin_anew(self) -> None:
        """With another id, so that whoever buries the former one takes nothing of this one away; then say who is here.

        Redis has forgotten the former one, or others took it for dead, or there was none.
        """
        former, self._node = self._node, ids.new().hex
        self._has_begun, self._must_restore = False, True
        await self._ask(self._redis.eval(BEGIN, 1, NODES, self._node, LEASE_SECONDS))
        await self._flush()
        await self._ask(self._redis.zadd(NODES, {former: 0}))  # what it wrote with its last breath is buried, too
        self._has_begun = True
        log.info("presence_begun", clients=len(self._here))
        for (channel, _), info in self._here.items():
            self._say(channel, info, has_come=True)

    async def _bury(self, node: str) -> None:
        """Take a dead node's clients away and tell of each; of several who do it at once, one tells."""
        while places := await self._ask(self._redis.srandmember(_node(node), BATCH)):
            log.info("presence_buries", node=node, clients=len(places))
            for place in places:
                client, _, channel = place.decode().partition(" ")
                kept = await self._ask(self._redis.eval(TAKE, 1, _channel(channel), client, f"{node} "))
                if kept:
                    self._say(channel, kept.partition(b" ")[2], has_come=False)
            await self._ask(self._redis.srem(_node(node), *places))
        await self._ask(self._redis.zrem(NODES, node))

    async def _ask(self, answer: Awaitable[Any]) -> Any:
        """What Redis says; raises TimeoutError."""
        async with asyncio.timeout(FLUSH_SECONDS):
            return await answer


def _channel(name: str) -> str:
    return f"parley:presence:channel:{name}"


def _node(node: str) -> str:
    return f"parley:presence:node:{node}"


def _info(client: str, who: Identity) -> bytes:
    return msgspec.json.encode(ClientInfo(who.user, client, msgspec.Raw(who.info) if who.info else NOTHING))


def _read(kept: Mapping[bytes, bytes]) -> dict[bytes, tuple[str, ClientInfo]]:
    read = {}
    for client, value in kept.items():
        node, _, info = value.partition(b" ")
        read[client] = (node.decode(), msgspec.json.decode(info, type=ClientInfo))
    return read
