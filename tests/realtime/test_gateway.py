"""Where uvicorn hands over: its contract with us, and what becomes of connections that say little."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator

import pytest
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.realtime.endpoint import Socket
from server.realtime.gateway import Gateway
from server.realtime.handshake import PATH
from tests.eventually import eventually
from tests.realtime.town import House, house


@pytest.fixture
async def home(redis_url: str) -> AsyncIterator[House]:
    async with house(redis_url) as opened:
        yield opened


@pytest.mark.parametrize("protocol", [HttpToolsProtocol, H11Protocol])
def test_uvicorn_still_calls_the_door_as_we_know_it(protocol: type) -> None:
    """The contract is thin and depends on its version: if this fails, read uvicorn's upgrade before going on."""
    upgrade = inspect.getsource(protocol)
    called = upgrade[upgrade.index("self.ws_protocol_class(") :]
    steps = ["config=self.config", "server_state=self.server_state", "app_state=self.app_state"]
    steps += ["protocol.connection_made(self.transport)", 'protocol.data_received(b"".join(output))']
    steps += ["self.transport.set_protocol(protocol)"]
    places = [called.index(step) for step in steps]
    assert places == sorted(places)
    assert list(inspect.signature(Socket).parameters) == ["config", "server_state", "app_state"]


def test_uvicorn_still_makes_a_gateway_for_each_connection_as_we_know_it() -> None:
    """As thin as the other one."""
    startup = inspect.getsource(uvicorn.Server.startup)
    made = startup[startup.index("config.http_protocol_class(") :]
    for keyword in ("config=config", "server_state=self.server_state", "app_state=self.lifespan.state", "_loop=_loop"):
        assert keyword in made[: made.index("\n\n")]
    for protocol in (Gateway, HttpToolsProtocol):
        assert list(inspect.signature(protocol).parameters) == ["config", "server_state", "app_state", "_loop"]
    assert "connection.shutdown()" in inspect.getsource(uvicorn.Server.shutdown)


async def test_who_says_nothing_does_not_hold_up_the_end(redis_url: str) -> None:
    async with house(redis_url) as home:
        reader, writer = await asyncio.open_connection("127.0.0.1", home.port)
        await eventually(lambda: home.server.server_state.connections)
        home.server.should_exit = True
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_an_upgrade_in_two_pieces_is_uvicorns_to_read(home: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", home.port)
    head = (
        f"GET {PATH} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    )
    writer.write(head.encode())
    await writer.drain()
    await eventually(lambda: any(isinstance(peer, HttpToolsProtocol) for peer in home.server.server_state.connections))
    writer.write(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    async with asyncio.timeout(5):
        answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer
    writer.close()
    await writer.wait_closed()
