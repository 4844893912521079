"""What somebody who comes back is given: all that was missed, or word that it cannot be had; never a part."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from typing_extensions import override

from server.realtime.effects import Join, Joined
from server.realtime.node import Node
from server.realtime.protocol import INSUFFICIENT_STATE
from server.realtime.seam import Position, Publication
from tests.realtime.twin import Streams, Twin
from tests.unit.realtime.puppets import ANN, Dream, Ear, NoPresence, PuppetBus

CHANNEL = "thread:1"
TOP, FORGOTTEN = 10, 4
WHOLE_WINDOW = [5, 6, 7, 8, 9, 10]


class Forgetful(Twin):
    """Retention passes by just before the page of this number is read."""

    page = 1

    @override
    async def since(self, channel: str, offset: int, limit: int) -> Sequence[Publication]:
        self.page -= 1
        if not self.page:
            self.streams.of(channel).forget(TOP)
        return await super().since(channel, offset, min(limit, 2))


async def joined(since: Position) -> Joined:
    """What comes of coming back to a channel of ten changes, the first four of which are forgotten."""
    streams = Streams()
    for number in range(TOP):
        streams.of(CHANNEL).write(str(number), b"%d" % number)
    streams.of(CHANNEL).forget(FORGOTTEN)
    node, ear = Node("", bus=PuppetBus, presence=NoPresence), Ear()
    await node.open(Twin(streams, node.announce))
    await node.join(ear, ANN, Join(1, CHANNEL, since), welcome=ear.welcome(CHANNEL))
    await node.close()
    assert ear.joined is not None
    return ear.joined


@pytest.mark.parametrize(
    ("since", "missed"),
    [
        pytest.param(Position("e1", TOP), [], id="nothing missed"),
        pytest.param(Position("e1", 7), [8, 9, 10], id="a few"),
        pytest.param(Position("e1", FORGOTTEN), WHOLE_WINDOW, id="exactly the window"),
        pytest.param(Position("e1", FORGOTTEN - 1), None, id="one more than the window"),
        pytest.param(Position("", FORGOTTEN), WHOLE_WINDOW, id="any epoch"),
        pytest.param(Position("", 0), None, id="any epoch, from the beginning"),
        pytest.param(Position("e0", 7), None, id="another epoch"),
        pytest.param(Position("e1", TOP + 1), None, id="ahead of the top"),
    ],
)
def test_who_comes_back_gets_everything_or_is_told(since: Position, missed: list[int] | None) -> None:
    with asyncio.Runner(loop_factory=Dream) as runner:
        found = runner.run(joined(since))
    assert (None if found.missed is None else [each.offset for each in found.missed]) == missed
    assert found.position == Position("e1", TOP if missed is None else since.offset)


async def missing_at_retention(page: int, first: int) -> tuple[Joined | None, list[int]]:
    """What somebody is told who missed much, when retention removes it before the page of this number is read."""
    streams = Streams()
    node, ear = Node("", bus=PuppetBus, presence=NoPresence, first=first), Ear()
    twin = Forgetful(streams, node.announce)
    twin.page = page
    for number in range(TOP):
        streams.of(CHANNEL).write(str(number), b"%d" % number)
    await node.open(twin)
    await node.join(ear, ANN, Join(1, CHANNEL, Position("e1", 2)), welcome=ear.welcome(CHANNEL))
    told = ear.joined
    await asyncio.sleep(5)
    await node.close()
    return told, ear.expelled


def test_what_goes_before_it_is_read_is_not_recovered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.realtime.streams.PAGE", 2)
    for page in (1, 2, 3):
        with asyncio.Runner(loop_factory=Dream) as runner:
            told, expelled = runner.run(missing_at_retention(page, first=1_000))
        assert told is not None
        assert (told.missed, told.position.offset, expelled) == (None, TOP, [])


def test_who_is_fed_begins_anew_when_the_rest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.realtime.streams.PAGE", 2)
    with asyncio.Runner(loop_factory=Dream) as runner:
        _, expelled = runner.run(missing_at_retention(3, first=1))
    assert expelled == [INSUFFICIENT_STATE.code]


async def listening_at_retention() -> list[int]:
    """What becomes of a listener whose node lost news that retention removed before the node could read them."""
    streams = Streams()
    bus_node, ear = Node("", bus=PuppetBus, presence=NoPresence), Ear()
    twin = Forgetful(streams, bus_node.announce)
    await bus_node.open(twin)
    await bus_node.join(ear, ANN, Join(1, CHANNEL), welcome=ear.welcome(CHANNEL))
    for number in range(TOP):
        streams.of(CHANNEL).write(str(number), b"%d" % number)  # and nobody hears of it
    await asyncio.sleep(60)
    await bus_node.close()
    return ear.expelled


def test_a_listener_whose_gap_cannot_be_read_begins_anew() -> None:
    with asyncio.Runner(loop_factory=Dream) as runner:
        assert runner.run(listening_at_retention()) == [INSUFFICIENT_STATE.code]
