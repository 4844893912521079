"""A campaign reaches everybody it is for, once each, and the rows say what became of everyone."""

from __future__ import annotations

from bots.fake.world import World
from server import ids
from tests.broadcast.square import campaign, counted, counts, does, heard, people, through
from tests.rest.house import House, Person


async def test_everybody_is_told_once_and_the_counts_are_those_of_the_rows(
    house: House, operator: Person, world: World, at_work: None
) -> None:
    tag = ids.new().hex
    made = await people(house, tag, 20)
    one = await campaign(operator, tag)
    begun = await does(operator, one, "start")
    assert begun["state"] == "running"
    done = await through(operator, one)
    assert sorted(heard(world, made)) == sorted(f"hello n{chat}" for chat in made)
    assert counts(done) == await counted(house, one) == {"sent": 20}
