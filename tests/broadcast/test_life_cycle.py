"""Whatever is done with a campaign, in whatever order: doors, rows and Telegram agree with what its page says."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bots.fake.world import NO_CHAT, World
from server import ids
from tests.bot.town import TOKEN
from tests.broadcast.square import campaign, counted, counts, does, now, people
from tests.eventually import eventually
from tests.rest.house import House, Person, settings_of
from workers.broadcast import duties
from workers.duty import Duty
from workers.office import Office

# As docs/campaigns.md has it; anything else is refused.
ALLOWS = {
    "draft": {"start": "running", "change": "draft", "delete": "gone"},
    "running": {"pause": "paused", "cancel": "cancelled", "extend": "running", "retry": "running"},
    "paused": {"resume": "running", "cancel": "cancelled", "extend": "paused", "retry": "paused"},
    "completed": {"retry": "completed", "delete": "gone"},
    "cancelled": {"delete": "gone"},
    "gone": {},
}
ACTS = ("start", "change", "delete", "pause", "resume", "cancel", "extend", "retry")
UNLUCKY = 2  # refused once; three alike, before anybody was told, would pause it
steps = st.lists(st.sampled_from([*ACTS, "work", "work", "pause", "resume", "arrive"]), min_size=3, max_size=12)


@dataclass
class Life:
    """A campaign as its page describes it, beside the real one."""

    house: House
    operator: Person
    world: World
    tag: str
    one: Any
    state: str = "draft"
    is_frozen: bool = False
    known: list[int] = field(default_factory=list)
    rows: dict[int, str] = field(default_factory=dict)

    async def arrive(self) -> None:
        """Somebody more that it is for."""
        (chat,) = await people(self.house, self.tag, 1)
        if len(self.known) < UNLUCKY:
            self.world.faults[chat].append(NO_CHAT)
        self.known.append(chat)

    async def act(self, act: str) -> None:
        path = f"/broadcast/campaign/{self.one['id']}"
        match act:
            case "change":
                answer = await self.operator.ask("PATCH", path, {"name": "anew"})
            case "delete":
                answer = await self.operator.ask("DELETE", path)
            case _:
                answer = await self.operator.ask("POST", f"{path}/{act}", {})
        if self.state == "gone":
            assert str(answer) == "404 no_such_campaign"
        elif act not in ALLOWS[self.state]:
            assert str(answer) == "409 not_in_this_state"
        elif act in ("extend", "retry") and not self.is_frozen:
            assert str(answer) == "409 not_frozen_yet"
        else:
            assert answer.status < 300, answer
            self.follow(act)

    def follow(self, act: str) -> None:
        self.state = ALLOWS[self.state][act]
        if act == "extend":
            self.rows |= {chat: "queued" for chat in self.known if chat not in self.rows}
        failed = [chat for chat, state in self.rows.items() if state == "failed"]
        if act == "retry" and failed:
            self.rows |= dict.fromkeys(failed, "queued")
            self.state = "running" if self.state == "completed" else self.state

    def work(self) -> None:
        """What workers make of it."""
        if self.state in ("running", "paused") and not self.is_frozen:
            self.is_frozen, self.rows = True, dict.fromkeys(self.known, "queued")
        queued = [chat for chat, state in self.rows.items() if state == "queued"]
        if self.state == "running":
            self.rows |= {chat: "failed" if self.world.faults[chat] else "sent" for chat in queued}
            self.state = "completed"
        elif self.state == "cancelled":
            self.rows |= dict.fromkeys(queued, "cancelled")

    async def is_so(self) -> None:
        """AssertionError where the real one is different."""
        assert await counted(self.house, self.one) == Counter(self.rows.values())
        sent = {chat for chat, state in self.rows.items() if state == "sent"}
        assert {chat: len(self.world.sent[chat]) for chat in self.known} == {c: int(c in sent) for c in self.known}
        if self.state != "gone":
            found = await now(self.operator, self.one)
            assert found["state"] == self.state
            assert set(found["allows"]) - {"clone", "test", "preview"} == set(ALLOWS[self.state])
            assert self.rows == {} or counts(found) == Counter(self.rows.values())


@pytest.fixture
async def hands(database_url: str, redis_url: str, api: str) -> AsyncIterator[Sequence[Duty]]:
    """A worker that works when it is told to."""
    async with Office(settings_of(database_url, redis_url, telegram_token=TOKEN, telegram_api=api), 6) as office:
        yield duties(office)


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(acts=steps)
async def test_a_campaign_lives_as_its_page_says(
    house: House, operator: Person, world: World, hands: Sequence[Duty], acts: list[str]
) -> None:
    tag = ids.new().hex
    life = Life(house, operator, world, tag, await campaign(operator, tag))
    for _ in range(3):
        await life.arrive()
    for act in acts:
        match act:
            case "arrive":
                await life.arrive()
            case "work":
                life.work()

                async def worked() -> bool:
                    for duty in hands:
                        await duty.carry()
                    await life.is_so()
                    return True

                await eventually(worked)
            case _:
                await life.act(act)
        await life.is_so()
    if life.state in ALLOWS and "cancel" in ALLOWS[life.state]:
        await does(operator, life.one, "cancel")  # what is left would be told beside the next one
