"""What somebody who comes back is given: all that was missed, or word that it cannot be had; never a part."""

from __future__ import annotations

import asyncio

import pytest

from server.realtime.effects import Join, Joined
from server.realtime.node import Node
from server.realtime.seam import Position
from tests.realtime.twin import Streams, Twin
from tests.unit.realtime.puppets import ANN, Dream, Ear, NoPresence, PuppetBus

CHANNEL = "thread:1"
TOP, FORGOTTEN = 10, 4
WHOLE_WINDOW = [5, 6, 7, 8, 9, 10]


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
