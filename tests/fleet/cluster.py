"""A Valkey Cluster on loopback ports: real servers that are killed, started again, and trade their slots."""

from __future__ import annotations

import random
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import redis.asyncio
from typing_extensions import override

from server.embedded.home import Home, open_home
from server.embedded.profile import FLEETING
from server.embedded.valkey import Valkey
from server.realtime.slots import SLOTS
from tests.eventually import eventually

HOST = "127.0.0.1"
# Below those that the kernel gives to outgoing connections: a server that is killed finds its port free again.
PORTS = range(20_000, 32_000)
FORM_SECONDS = 20.0


def free_ports(count: int) -> list[int]:
    """So many ports that nobody listens on now."""
    with ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            probe = stack.enter_context(socket.socket())
            port = random.choice(PORTS)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            found.append(port)
        return found


class Member(Valkey):
    """One server of a cluster: `kill` and `start` it at will, it remembers its place."""

    def __init__(self, home: Home, number: int, port: int, gossip_port: int) -> None:
        super().__init__(home, FLEETING, f"-{number}")
        self.port = port
        self.gossip_port = gossip_port
        self.id = ""

    @override
    def command(self) -> list[str]:
        return [
            *super().command(),
            *("--port", str(self.port)),
            *("--bind", HOST),
            *("--cluster-enabled", "yes"),
            *("--cluster-port", str(self.gossip_port)),
        ]

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    async def ask(self, *words: Any) -> Any:
        """One command, on a connection of its own."""
        async with redis.asyncio.Redis.from_url(self.url, decode_responses=True) as client:
            return await client.execute_command(*words)  # type: ignore[no-untyped-call]

    async def is_content(self) -> bool:
        """Whether it finds that all slots are served."""
        return "cluster_state:ok" in str(await self.ask("CLUSTER", "INFO"))


class Cluster:
    """The members, the first three of which share the slots evenly."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members

    @property
    def url(self) -> str:
        """Of the first two: whoever knows one member finds all."""
        return f"redis+cluster://{','.join(member.address for member in self.members[:2])}"

    async def form(self, masters: int) -> None:
        for number, member in enumerate(self.members):
            member.id = await member.ask("CLUSTER", "MYID")
            await member.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            if number < masters:
                first, last = SLOTS * number // masters, SLOTS * (number + 1) // masters - 1
                await member.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
            await self.members[0].ask("CLUSTER", "MEET", HOST, member.port, member.gossip_port)
        for replica in self.members[masters:]:
            await eventually(lambda: self._knows(replica, self.members[masters - 1]), within=FORM_SECONDS)  # noqa: B023
            await replica.ask("CLUSTER", "REPLICATE", self.members[masters - 1].id)
        await self.content()

    async def content(self) -> None:
        """Return when every member finds the cluster whole."""
        for member in self.members:
            await eventually(member.is_content, within=FORM_SECONDS)

    async def move(self, slot: int, giver: Member, taker: Member) -> None:
        """As operators do it: only who has imported a slot raises its epoch, without which gossip undoes the move."""
        await taker.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", giver.id)
        await giver.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", taker.id)
        for member in (taker, giver):
            await member.ask("CLUSTER", "SETSLOT", slot, "NODE", taker.id)

    async def _knows(self, member: Member, other: Member) -> bool:
        return f"{other.id} {other.address}" in str(await member.ask("CLUSTER", "NODES"))


@asynccontextmanager
async def cluster(masters: int = 3, replicas: int = 0) -> AsyncIterator[Cluster]:
    """Servers of its own; each replica follows the last master."""
    count = masters + replicas
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-cluster-")))
        folder.chmod(0o711)  # the engines may run as another user, who has to walk through
        home, ports = open_home(folder / "home"), free_ports(2 * count)
        members = [Member(home, number, *ports[2 * number : 2 * number + 2]) for number in range(count)]
        for member in members:
            stack.callback(member.kill)
            member.start()
        formed = Cluster(members)
        await formed.form(masters)
        yield formed
