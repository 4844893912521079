"""The tables of the broadcast room. A run is one occurrence of a campaign: what it says, and to whom, is frozen."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey, Index, Integer, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from server.broadcast.constants import CampaignState, DeliveryState, OnUnknown
from server.models import Base, Created, Key

REACHED = "state IN ('sending', 'sent', 'unknown')"  # what somebody was told, or may have been, by whichever campaign


def _one_of(column: str, words: type[CampaignState | DeliveryState | OnUnknown]) -> str:
    return f"{column} IN ({', '.join(repr(str(word)) for word in words)})"


def _count() -> Any:
    return mapped_column(Integer, server_default="0")


class Campaign(Base):
    """What somebody wants to tell many people. `deleted_at`: gone from the lists, its log stays."""

    __tablename__ = "campaigns"
    __table_args__ = (
        CheckConstraint(_one_of("state", CampaignState), "state"),
        CheckConstraint(_one_of("on_unknown", OnUnknown), "on_unknown"),
        UniqueConstraint("created_by", "create_key"),
        Index("ix_campaigns_next_at", "next_at", postgresql_where=sql("state = 'scheduled'")),
    )

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=CampaignState.DRAFT)
    why: Mapped[str | None] = mapped_column(Text)
    content: Mapped[Any] = mapped_column(JSONB)
    audience: Mapped[Any] = mapped_column(JSONB)
    schedule: Mapped[Any] = mapped_column(JSONB)
    on_unknown: Mapped[str] = mapped_column(Text, server_default=OnUnknown.KEEP)
    per_second: Mapped[float | None] = mapped_column(Double)
    paid_messages: Mapped[int] = mapped_column(Integer, server_default="0")
    ignores_cap: Mapped[bool] = mapped_column(server_default=sql("false"))
    next_at: Mapped[datetime | None]
    create_key: Mapped[str | None] = mapped_column(Text)
    start_key: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[UUID]
    created_at: Mapped[Created]
    changed_at: Mapped[Created]
    deleted_at: Mapped[datetime | None]


class Run(Base):
    """One occurrence. Its counts change in the statements that change its deliveries, and so equal them always."""

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint(_one_of("state", CampaignState), "state"),
        UniqueConstraint("campaign_id", "number"),
        Index("ix_runs_open", "id", postgresql_where=sql("is_open")),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    id: Mapped[Key]
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"))
    number: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(Text, server_default=CampaignState.RUNNING)
    content: Mapped[Any] = mapped_column(JSONB)
    audience: Mapped[Any] = mapped_column(JSONB)
    schedule: Mapped[Any] = mapped_column(JSONB)
    on_unknown: Mapped[str] = mapped_column(Text)
    per_second: Mapped[float | None] = mapped_column(Double)
    paid_messages: Mapped[int] = mapped_column(Integer)
    ignores_cap: Mapped[bool] = mapped_column(server_default=sql("false"))
    is_open: Mapped[bool] = mapped_column(server_default=sql("true"))  # something may still happen to its deliveries
    queued: Mapped[int] = _count()
    sending: Mapped[int] = _count()
    sent: Mapped[int] = _count()
    failed: Mapped[int] = _count()
    blocked: Mapped[int] = _count()
    skipped: Mapped[int] = _count()
    unknown: Mapped[int] = _count()
    cancelled: Mapped[int] = _count()
    in_a_row: Mapped[int] = _count()  # failures since the last success
    planned_at: Mapped[datetime]
    started_at: Mapped[Created]
    frozen_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class Told(Base):
    """What was last said of a run's progress, beside its row: whoever tells waits for nobody who counts."""

    __tablename__ = "run_tellings"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    settled: Mapped[int] = _count()
    summary: Mapped[str] = mapped_column(Text, server_default="")
    pace: Mapped[float] = mapped_column(Double, server_default="0")  # messages a second, lately
    at: Mapped[Created]


class Delivery(Base):
    """A run to one person. No foreign key: a million of them would cost half of a start."""

    __tablename__ = "deliveries"
    __table_args__ = (
        CheckConstraint(_one_of("state", DeliveryState), "state"),
        Index("ix_deliveries_queued", "run_id", "due_at", postgresql_where=sql("state = 'queued'")),
        # Not of the queued ones: at a start they are all there is, and their own index finds them.
        Index("ix_deliveries_begun", "run_id", "state", "contact_id", postgresql_where=sql("state <> 'queued'")),
        Index("ix_deliveries_told", "contact_id", "settled_at", postgresql_where=sql(REACHED)),
        {"postgresql_with": {"fillfactor": "85"}},
    )

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(Text, server_default=DeliveryState.QUEUED)
    reason: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    variables: Mapped[Any] = mapped_column(JSONB)
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    claim: Mapped[int] = mapped_column(Integer, server_default="0")  # who was overtaken changes nothing any more
    tries: Mapped[int] = mapped_column(Integer, server_default="0")
    due_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]


class CampaignEvent(Base):
    """Who did what with a campaign, and when; nobody: it did so by itself."""

    __tablename__ = "campaign_events"
    __table_args__ = (Index("ix_campaign_events_campaign_id_id", "campaign_id", "id"),)

    id: Mapped[Key]
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"))
    act: Mapped[str] = mapped_column(Text)
    by: Mapped[UUID | None]
    detail: Mapped[str | None] = mapped_column(Text)
    at: Mapped[Created]
