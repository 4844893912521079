"""Whatever is done with a campaign, in whatever order: what is forbidden changes nothing, and counts are the rows."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from bots.fake.world import AMBIGUOUS, BLOCKED, NO_CHAT, World
from server import ids
from server.broadcast.constants import Act, CampaignState
from server.broadcast.policy import ALLOWED
from tests.broadcast.square import campaign, counted, counts, now, people
from tests.eventually import eventually
from tests.rest.house import House, Person

STEPS = 25
PEOPLE = 40
BODIES: dict[Act, dict[str, Any]] = {Act.RETRY: {"unknown": True}}
ACTS = (Act.START, Act.PAUSE, Act.RESUME, Act.PAUSE, Act.RESUME, Act.EXTEND, Act.RETRY, Act.CANCEL, Act.CLONE)
RESULT = {Act.PAUSE: "paused", Act.RESUME: "running", Act.CANCEL: "cancelled"}


async def act(operator: Person, one: Any, wanted: Act) -> None:
    """Do it. It is refused exactly where the state, which may change by itself meanwhile, forbids it."""
    before = (await now(operator, one))["state"]
    answer = await operator.ask("POST", f"/broadcast/campaign/{one['id']}/{wanted}", BODIES.get(wanted, {}))
    after = (await now(operator, one))["state"]
    states = {CampaignState(before), CampaignState(after)}
    if answer.status >= 400:
        refusals = ("409 not_in_this_state", "409 not_frozen_yet")
        assert str(answer) in refusals
        assert str(answer) == refusals[1] or not states <= ALLOWED[wanted], (wanted, before, after)
        return
    assert CampaignState(before) in ALLOWED[wanted] or before == "running", (wanted, before)
    assert wanted not in RESULT or answer.said["state"] == RESULT[wanted]


async def agrees(house: House, operator: Person, one: Any) -> bool:
    """The counts that the door tells are those of the rows, when nothing moves between the two questions."""
    return counts(await now(operator, one)) == await counted(house, one)


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_of_acts(house: House, operator: Person, world: World, at_work: None, seed: int) -> None:
    chance, tag = random.Random(seed), ids.new().hex
    made = await people(house, tag, PEOPLE)
    for chat in chance.sample(sorted(made), 6):
        world.faults[chat].append(chance.choice([BLOCKED, NO_CHAT, AMBIGUOUS]))
    one = await campaign(operator, tag)
    unsure = {chat for chat in made if AMBIGUOUS in world.faults[chat]}
    for step in range(STEPS):
        # The end is kept for the end: most of what may happen happens before.
        wanted = chance.choice(ACTS if step > STEPS // 2 else [each for each in ACTS if each != Act.CANCEL])
        await act(operator, one, wanted)
        if wanted == Act.EXTEND:
            made |= await people(house, tag, 2)
        await asyncio.sleep(chance.uniform(0, 0.2))
    if (await now(operator, one))["state"] == "paused":
        await act(operator, one, Act.RESUME)

    async def over() -> bool:
        found = await now(operator, one)
        left = {"queued", "sending"} & counts(found).keys()
        return found["state"] in ("completed", "cancelled") and not left

    if (await now(operator, one))["state"] != "draft":
        await eventually(over, within=30.0)
        await eventually(lambda: agrees(house, operator, one))
    told = {chat: len(world.sent[chat]) for chat in made}
    assert {chat for chat, count in told.items() if count > 1} <= unsure, "only what was unknown was sent again"
