"""Who hears what in which order, when fan-outs are interrupted and sockets lag."""

from __future__ import annotations

from server.realtime.hub import AGENDA_BYTES, Channel, Hub
from server.realtime.seam import Publication
from tests.unit.realtime.puppets import Ear


def told(*offsets: int) -> list[Publication]:
    return [Publication(each, b"{}") for each in offsets]


def offsets(ear: Ear) -> list[int]:
    return [offset for offset, _ in ear.heard()]


def everything(channel: Channel, *numbers: int) -> None:
    for _ in channel.deliver(told(*numbers)):
        """Nobody else wants a turn."""


def seated(channel: Channel, count: int) -> list[Ear]:
    ears = [Ear() for _ in range(count)]
    for ear in ears:
        ear.channels.add(channel.name)
        channel.seat(ear)
    return ears


def test_a_batch_reaches_everybody_in_one_write() -> None:
    channel = Channel("c")
    ears = seated(channel, 3)
    writes: list[bytes] = []
    ears[0].send = lambda frame: writes.append(frame) or len(frame)  # type: ignore[func-returns-value, method-assign]
    channel.unseat(ears[0])
    channel.seat(ears[0])
    everything(channel, 1, 2, 3)
    assert len(writes) == 1
    assert offsets(ears[1]) == offsets(ears[2]) == [1, 2, 3]


def test_who_comes_in_the_middle_of_a_fan_out_hears_what_follows() -> None:
    channel = Channel("c", chunk=1)
    ears = seated(channel, 3)
    first = channel.deliver(told(1))
    next(first)
    (late,) = seated(channel, 1)
    assert list(channel.deliver(told(2))) == []  # taken along by the first
    (later,) = seated(channel, 1)
    for _ in first:
        """Go on."""
    everything(channel, 3)
    assert [offsets(each) for each in ears] == [[1, 2, 3]] * 3
    assert offsets(late) == [2, 3]
    assert offsets(later) == [3]


def test_who_leaves_in_the_middle_of_a_fan_out_hears_no_more() -> None:
    channel = Channel("c", chunk=1)
    _, second, _ = seated(channel, 3)
    first = channel.deliver(told(1))
    next(first)
    (late,) = seated(channel, 1)
    channel.unseat(second)
    channel.unseat(late)
    for _ in first:
        """Go on."""
    everything(channel, 2)
    assert offsets(second) == offsets(late) == []
    assert len(channel) == 2


def test_who_begins_to_lag_in_the_middle_of_a_fan_out_misses_nothing() -> None:
    channel = Channel("c", chunk=1)
    ears = seated(channel, 3)
    fan_out = channel.deliver(told(1))
    next(fan_out)
    ears[2].is_slow = True
    channel.settle(ears[2])
    for _ in fan_out:
        """Go on."""
    assert [offsets(each) for each in ears] == [[1]] * 3


def test_what_the_kernel_did_not_take_is_carried_on() -> None:
    channel = Channel("c")
    ears = seated(channel, 3)
    ears[0].takes, ears[1].takes = 5, 0
    everything(channel, 1)
    assert [offsets(each) for each in ears] == [[1]] * 3


def test_a_broken_socket_harms_nobody_else() -> None:
    channel = Channel("c")
    ears = seated(channel, 3)
    channel.unseat(ears[1])

    def broken(frame: bytes) -> int:
        raise ConnectionResetError

    ears[1].send = broken  # type: ignore[method-assign]
    channel.seat(ears[1])
    everything(channel, 1)
    assert offsets(ears[0]) == offsets(ears[2]) == [1]


def test_an_overload_is_seen_and_passes() -> None:
    channel = Channel("c", chunk=1)
    seated(channel, 2)
    fan_out = channel.deliver(told(1))
    next(fan_out)
    channel.deliver([Publication(2, b"x" * AGENDA_BYTES), Publication(3, b"x")])
    assert channel.is_overloaded
    for _ in fan_out:
        """Go on."""
    assert not channel.is_overloaded


def test_a_channel_goes_with_the_last_who_needs_it() -> None:
    hub = Hub()
    channel = hub.enter("c")
    (ear,) = seated(channel, 1)
    assert not hub.release(channel)
    assert hub.enter("c") is channel
    assert not hub.leave(ear, "c")
    assert hub.release(channel)
    assert not hub.channels
    assert not hub.leave(ear, "c")
