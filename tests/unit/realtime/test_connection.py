"""Bytes leave one socket in the order they were written, whether the kernel takes them or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from typing_extensions import override

from server.realtime.connection import OUTBOX_BYTES, Connection


class PuppetTransport(asyncio.Transport):
    """A transport without a descriptor, as behind TLS: it takes `room` bytes and then says so."""

    def __init__(self, room: int = 1_000_000_000) -> None:
        super().__init__()
        self.room = room
        self.out = b""
        self.pause: Callable[[], None] = lambda: None
        self.high: int | None = None

    @override
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high

    @override
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.out += bytes(data)
        self.room -= len(data)
        if self.room < 0:
            self.pause()


def opened(room: int) -> tuple[PuppetTransport, Connection]:
    transport = PuppetTransport(room)
    connection = Connection(transport)

    def pause() -> None:
        connection.is_slow = True

    transport.pause = pause
    return transport, connection


def test_without_a_descriptor_everything_goes_through_the_transport() -> None:
    transport, connection = opened(room=100)
    assert transport.high == 0
    assert connection.write(b"one")
    assert connection.send(b"two") == 3
    assert transport.out == b"onetwo"


def test_what_waits_follows_in_order() -> None:
    transport, connection = opened(room=2)
    for words in (b"one", b"two", b"three"):
        assert connection.write(words)
    assert transport.out == b"one"
    transport.room = 100
    connection.resume()
    assert not connection.is_slow
    connection.write(b"four")
    assert transport.out == b"onetwothreefour"


def test_a_backlog_that_does_not_leave_at_once_waits_again() -> None:
    transport, connection = opened(room=2)
    connection.write(b"one")
    connection.write(b"two")
    connection.resume()
    assert connection.is_slow
    connection.write(b"three")
    assert transport.out == b"onetwo"


def test_the_backlog_is_bounded_and_the_last_frame_finds_its_way() -> None:
    transport, connection = opened(room=0)
    connection.write(b"x")
    assert connection.write(b"y" * OUTBOX_BYTES)
    assert not connection.write(b"y")
    connection.write_last(b"bye")
    assert transport.out == b"xbye"
    connection.resume()
    assert transport.out == b"xbye"


def test_after_the_end_nothing_is_sent() -> None:
    transport, connection = opened(room=100)
    connection.detach()
    assert connection.write(b"late")
    assert transport.out == b""
