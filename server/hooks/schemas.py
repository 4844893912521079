"""What the hooks room takes and gives over REST, as OpenAPI tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from server.hooks.constants import DESCRIPTION_CHARACTERS, EVERYTHING, KINDS, REPLAY_LIMIT, URL_CHARACTERS
from server.hooks.signing import key_of
from server.inputs import Input, Text


def _known(kind: str) -> str:
    if kind != EVERYTHING and kind not in KINDS:
        raise ValueError(f"a kind of event is `*` or one of {', '.join(KINDS)}")
    return kind


def _signing(secret: str) -> str:
    key_of(secret)
    return secret


EventKind = Annotated[Text, AfterValidator(_known), Field(json_schema_extra={"enum": [EVERYTHING, *KINDS]})]
EventKinds = Annotated[list[EventKind], Field(min_length=1, max_length=50)]
Url = Annotated[Text, Field(min_length=1, max_length=URL_CHARACTERS)]
Description = Annotated[Text, Field(max_length=DESCRIPTION_CHARACTERS)]
Secret = Annotated[Text, Field(max_length=200), AfterValidator(_signing)]


class NewEndpoint(Input):
    """An address that events shall be sent to. Without a `secret` one is made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"url": "https://crm.example.com/parley"}]})

    url: Url = Field(description="http:// or https://, on the open internet unless WEBHOOK_ALLOW_PRIVATE says more.")
    kinds: EventKinds = Field(default_factory=lambda: [EVERYTHING], description="`*` for all.")
    description: Description = ""
    may_answer: bool = Field(False, description="Carry out what it answers to `message.posted`: docs/webhooks.md.")
    secret: Secret | None = Field(None, description="`whsec_` and the base64 of 24 to 64 bytes.")


class EndpointChange(Input):
    """What of an endpoint changes; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"is_suspended": False}]})

    url: Url | None = None
    kinds: EventKinds | None = None
    description: Description | None = None
    may_answer: bool | None = None
    is_suspended: bool | None = Field(None, description="False sends what has waited; true lets it wait.")


class Rotation(Input):
    """A new secret beside the old one, which signs on until it is dropped; or the new one alone."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"drop_others": False}]})

    secret: Secret | None = Field(None, description="Left out: one is made.")
    drop_others: bool = Field(False, description="Sign with the new secret alone, from now on.")


class ReplayAsked(Input):
    """Which events to send again: one, or those of a span of time."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"since": "2026-11-23T00:00:00Z", "until": "2026-11-24T00:00:00Z"}]}
    )

    event_id: UUID | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    after: int = Field(0, ge=0, le=2**62, description="`next` of the answer before, where the span has more.")


class EndpointView(BaseModel):
    """An endpoint. While it is suspended its events wait, for as long as events are kept."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    url: str
    description: str
    kinds: list[str]
    may_answer: bool
    is_from_settings: bool
    suspended_at: datetime | None
    suspended_why: str | None
    created_at: datetime


class EndpointWithBacklog(EndpointView):
    """An endpoint, and how many events wait for it; counted up to 10,000."""

    waiting: int


class EndpointWithSecret(EndpointView):
    """An endpoint and its newest secret, which is shown in this answer and never again."""

    secret: str


class AttemptView(BaseModel):
    """One request and its answer. `request` is the event's `data`, as long as it is kept."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    event_id: UUID
    webhook_id: str
    kind: str
    url: str
    outcome: str = Field(description="`delivered`, `failed`, `given_up` or `test`.")
    status: int | None
    answer: str
    note: str = Field(description="What was carried out of the answer, or why not; empty where it may not answer.")
    seconds: float
    at: datetime
    request: str | None


class AttemptPage(BaseModel):
    """Attempts, the latest first. `next` is `before` of the next page."""

    attempts: list[AttemptView]
    next: UUID | None


class TestView(BaseModel):
    """What came back: a status and the beginning of the answer, or why there is none."""

    webhook_id: str
    is_taken: bool
    status: int | None
    answer: str
    seconds: float


class ReplayView(BaseModel):
    """How many events are sent again; `next` is `after` of the next call where the span has more."""

    events: int = Field(le=REPLAY_LIMIT)
    next: int | None
