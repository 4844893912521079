"""The tables of the hooks room. A lane is one thread at one endpoint: what is in it goes out one after the other."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Double, ForeignKey, Identity, Index, Integer, Text
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from server.models import Base, Created, Key


class Endpoint(Base):
    """An address that events are sent to. While it is suspended its events wait."""

    __tablename__ = "hook_endpoints"

    id: Mapped[Key]
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    kinds: Mapped[list[str]] = mapped_column(ARRAY(Text))
    secrets: Mapped[list[str]] = mapped_column(ARRAY(Text))  # the newest first; all of them sign
    is_from_settings: Mapped[bool] = mapped_column(server_default=sql("false"))
    may_answer: Mapped[bool] = mapped_column(server_default=sql("false"))
    suspended_at: Mapped[datetime | None]
    suspended_why: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Created]


class Cursor(Base):
    """How far the posts of a thread were made into events. `number` is dense and never moves, as `offset` does."""

    __tablename__ = "hook_cursors"
    __table_args__ = ({"postgresql_with": {"fillfactor": "70"}},)

    thread_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)


class Progress(Base):
    """One row: threads that were active before this moment have nothing new."""

    __tablename__ = "hook_progress"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    looked_at: Mapped[datetime]


class HookEvent(Base):
    """What happened, as it is told: `data` is finished JSON. The id of a post's event is the message's own."""

    __tablename__ = "hook_events"
    __table_args__ = (Index("ix_hook_events_occurred_at_id", "occurred_at", "id"),)

    id: Mapped[Key]
    seq: Mapped[int] = mapped_column(BigInteger, Identity())  # in the order of each thread
    thread_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(Text)
    data: Mapped[str] = mapped_column(Text)
    occurred_at: Mapped[datetime]


class Delivery(Base):
    """One event that one endpoint has not taken yet; `place` orders its lane."""

    __tablename__ = "hook_deliveries"

    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("hook_endpoints.id", ondelete="CASCADE"), primary_key=True)
    thread_id: Mapped[UUID] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    event_id: Mapped[UUID]


class Lane(Base):
    """When the next event of this thread is due at this endpoint: in the future while it is under way, or pauses."""

    __tablename__ = "hook_lanes"
    __table_args__ = (Index("ix_hook_lanes_endpoint_id_due_at", "endpoint_id", "due_at"),)

    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("hook_endpoints.id", ondelete="CASCADE"), primary_key=True)
    thread_id: Mapped[UUID] = mapped_column(primary_key=True)
    top: Mapped[int] = mapped_column(BigInteger)  # the last place given in it
    due_at: Mapped[datetime] = mapped_column(server_default=sql("now()"))  # infinity: it is empty
    claim: Mapped[int] = mapped_column(BigInteger, server_default="0")  # who was overtaken changes nothing any more
    is_under_way: Mapped[bool] = mapped_column(server_default=sql("false"))  # then `due_at` is the end of the lease
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    failing_since: Mapped[datetime | None]


class Answered(Base):
    """An answer that was carried out; `reply` is what is still to be posted of it. Goes with its event."""

    __tablename__ = "hook_answers"
    __table_args__ = (Index("ix_hook_answers_endpoint_id", "endpoint_id"),)

    event_id: Mapped[UUID] = mapped_column(ForeignKey("hook_events.id", ondelete="CASCADE"), primary_key=True)
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("hook_endpoints.id", ondelete="CASCADE"), primary_key=True)
    reply: Mapped[str | None] = mapped_column(Text)


class Attempt(Base):
    """One request and its answer, for the log."""

    __tablename__ = "hook_attempts"
    __table_args__ = (Index("ix_hook_attempts_endpoint_id_id", "endpoint_id", "id"),)

    id: Mapped[Key]
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("hook_endpoints.id", ondelete="CASCADE"))
    event_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    status: Mapped[int | None] = mapped_column(Integer)
    answer: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, server_default="")  # what became of the answer
    seconds: Mapped[float] = mapped_column(Double)
    at: Mapped[Created]
