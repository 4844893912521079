"""What the broadcast room takes and gives over REST, as OpenAPI tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from server.broadcast.audience import Rule
from server.broadcast.calendar import Schedule
from server.broadcast.constants import NAME_CHARACTERS, RATE_LIMIT, Act, CampaignState, DeliveryState, OnUnknown
from server.broadcast.template import Content
from server.inputs import Input, Text

Name = Annotated[Text, Field(min_length=1, max_length=NAME_CHARACTERS)]
PerSecond = Annotated[float, Field(strict=True, ge=0.001, le=RATE_LIMIT)]
Messages = Annotated[int, Field(strict=True, ge=0, le=100_000_000)]
EXAMPLE: JsonDict = {
    "name": "Spring",
    "content": {"variants": {"en": {"text": "Hello {{ name }}"}}, "fallback_language": "en"},
}


class NewCampaign(Input):
    """What to tell, whom, and when. Nothing is sent before `start`."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: Name
    content: Content
    audience: Rule = Field(default_factory=Rule, description="Left out: everybody.")
    schedule: Schedule = Field(default_factory=Schedule, description="Left out: at once.")
    on_unknown: OnUnknown = Field(OnUnknown.KEEP, description="`resend` may tell somebody twice, `keep` not at all.")
    per_second: PerSecond | None = Field(None, description="No faster than this, whatever Telegram allows.")
    paid_messages: Messages = Field(0, description="Paid broadcast, for up to so many messages; 0: for free.")
    ignores_cap: bool = Field(
        False, strict=True, description="Tell people, too, who were told as often as CAMPAIGN_CAP allows."
    )


class CampaignChange(Input):
    """What of a campaign changes before it runs; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Summer"}]})

    name: Name | None = None
    content: Content | None = None
    audience: Rule | None = None
    schedule: Schedule | None = None
    on_unknown: OnUnknown | None = None
    per_second: PerSecond | None = None
    paid_messages: Messages | None = None
    ignores_cap: bool | None = Field(None, strict=True)


class Start(Input):
    """`confirm` is the number of people that an admin has seen and means."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"confirm": 1200}]})

    confirm: int | None = Field(None, strict=True, ge=0, le=2**31 - 1)


class ForContact(Input):
    """Whose message it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"contact_id": "01a207a7-6534-7393-820f-046cc0e8fd6d"}]})

    contact_id: UUID


class Retry(Input):
    """Which deliveries to send again; nobody who was sent to is ever among them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"failed": True}]})

    failed: bool = Field(True, strict=True)
    unknown: bool = Field(False, strict=True, description="These may have arrived: then they arrive twice.")


class Counts(BaseModel):
    """Deliveries by their state."""

    model_config = ConfigDict(from_attributes=True)

    queued: int
    sending: int
    sent: int
    failed: int
    blocked: int
    skipped: int
    unknown: int
    cancelled: int


class RunView(BaseModel):
    """One occurrence. `frozen_at` is null while its audience is being written down."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    number: int
    state: CampaignState
    counts: Counts
    per_second: float = Field(description="Lately.")
    eta_seconds: float | None
    started_at: datetime
    frozen_at: datetime | None
    ended_at: datetime | None


class CampaignView(BaseModel):
    """A campaign. `run` is its latest occurrence."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    state: CampaignState
    why: str | None = Field(description="Why it paused by itself, or failed.")
    allows: list[Act]
    content: Content
    audience: Any
    schedule: Schedule
    on_unknown: OnUnknown
    per_second: float | None
    paid_messages: int
    ignores_cap: bool
    next_at: datetime | None
    created_by: UUID
    created_at: datetime
    changed_at: datetime
    run: RunView | None


class CampaignPage(BaseModel):
    """Campaigns, the newest first. `next` is `before` of the next page."""

    campaigns: list[CampaignView]
    next: UUID | None


class Person(BaseModel):
    """One of an audience, as a sample of it, and what they would read."""

    contact_id: UUID
    name: str
    language: str | None
    text: str | None
    problem: str | None = Field(description="Why there is no text for them.")


class AudienceView(BaseModel):
    """Whom a campaign would reach now, those who opted out or blocked the bot left out; `confirm` takes the count."""

    count: int
    sample: list[Person]


class TestView(BaseModel):
    """What became of a test. It is in no count and no log."""

    state: DeliveryState
    reason: str | None


class ChangedView(BaseModel):
    """How many deliveries it was about."""

    deliveries: int


class EventView(BaseModel):
    """Who did what with a campaign, and when; by nobody: it did so by itself."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    act: str
    by: UUID | None
    detail: str | None
    at: datetime


class TimelinePoint(BaseModel):
    """How many deliveries ended so in one step."""

    step: int = Field(description="Counted from 0.")
    state: DeliveryState
    deliveries: int


class TimelineView(BaseModel):
    """How the latest run went over time. A step without a point is one in which nothing ended."""

    run_id: UUID | None
    begins_at: datetime | None
    step_seconds: int
    points: list[TimelinePoint]


class ButtonView(BaseModel):
    """A button that sends the bot its `data`, and who pressed it."""

    data: str
    text: str = Field(description="As it is called in the fallback language.")
    presses: int
    people: int


class PressesView(BaseModel):
    """The buttons of the latest run, in their order."""

    run_id: UUID | None
    buttons: list[ButtonView]


class DeliveryView(BaseModel):
    """What became of a campaign for one person."""

    campaign_id: UUID
    run_id: UUID
    contact_id: UUID
    name: str | None
    state: DeliveryState
    reason: str | None
    message_id: int | None
    tries: int
    settled_at: datetime | None


class DeliveryPage(BaseModel):
    """Deliveries, those of the newest run first. `next` is `cursor` of the next page."""

    deliveries: list[DeliveryView]
    next: str | None
