"""The tables of the bot room: who writes from outside, what Telegram sent, and what goes out to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, func
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from server.bot.constants import RelayStatus, UpdateState
from server.models import Base, Created, Key


def _one_of(column: str, words: type[UpdateState | RelayStatus]) -> str:
    return f"{column} IN ({', '.join(repr(str(word)) for word in words)})"


class OwnBot(Base):
    """A bot of this installation, and what it is called; in groups it is meant where its name is."""

    __tablename__ = "bots"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    username: Mapped[str] = mapped_column(Text)


class Contact(Base):
    """Somebody outside or a group, as one bot knows them or on the web, and the thread to talk with them in."""

    __tablename__ = "contacts"
    __table_args__ = (
        UniqueConstraint("bot_id", "chat_id"),
        Index("ix_contacts_tags", "tags", postgresql_using="gin"),
        Index("ix_contacts_user_id", "user_id", postgresql_where=sql("user_id IS NOT NULL")),
        Index("ix_contacts_on_the_web", "user_id", unique=True, postgresql_where=sql("channel = 'web'")),
        Index("ix_contacts_unheard", "seen_at", postgresql_where=sql("channel = 'web' AND language IS NULL")),
        CheckConstraint("channel <> 'telegram' OR bot_id IS NOT NULL AND chat_id IS NOT NULL", "channel"),
    )

    id: Mapped[Key]
    bot_id: Mapped[int | None] = mapped_column(BigInteger)
    chat_id: Mapped[int | None] = mapped_column(BigInteger)
    thread_id: Mapped[UUID] = mapped_column(ForeignKey("threads.id", ondelete="CASCADE"), unique=True)
    # The account that they proved to be theirs, on the web their own; several chats may be one person's.
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    channel: Mapped[str] = mapped_column(Text, server_default="telegram")
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    # Another language that they wrote in once, and whether they chose theirs with /lang.
    language_heard: Mapped[str | None] = mapped_column(Text)
    language_chosen: Mapped[bool] = mapped_column(server_default=sql("false"))
    # Told with /stop, or by blocking the bot; campaigns leave both alone.
    opted_out: Mapped[bool] = mapped_column(server_default=sql("false"))
    blocked: Mapped[bool] = mapped_column(server_default=sql("false"))
    attributes: Mapped[Any] = mapped_column(JSONB, server_default=sql("'{}'"))
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=sql("'{}'"))
    # Up to this offset of the thread there is a relay for everything that has to go out.
    relayed_offset: Mapped[int] = mapped_column(BigInteger, server_default="0")
    seen_at: Mapped[datetime | None]  # never, for one who was only imported
    created_at: Mapped[Created]


class Press(Base):
    """How often somebody has pressed one button below one message of the bot's."""

    __tablename__ = "presses"
    __table_args__ = (Index("ix_presses_at", "at"),)

    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)
    telegram_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    data: Mapped[str] = mapped_column(Text, primary_key=True)
    count: Mapped[int] = mapped_column(server_default="1")
    at: Mapped[Created]  # the last time


class Update(Base):
    """What Telegram sent, as it came. `id` is the order of arrival, which within a chat is the order of events."""

    __tablename__ = "updates"
    __table_args__ = (
        UniqueConstraint("bot_id", "update_id"),
        CheckConstraint(_one_of("state", UpdateState), "state"),
        Index("ix_updates_waiting", "bot_id", "chat_id", "id", postgresql_where=sql("state = 'waiting'")),
        Index("ix_updates_dead", "id", postgresql_where=sql("state = 'dead'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    bot_id: Mapped[int] = mapped_column(BigInteger)
    update_id: Mapped[int] = mapped_column(BigInteger)
    chat_id: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=UpdateState.WAITING)
    tries: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None] = mapped_column(Text)
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    received_at: Mapped[Created]


class Relay(Base):
    """One message on its way to one contact, and how that ended."""

    __tablename__ = "relays"
    __table_args__ = (
        UniqueConstraint("contact_id", "message_id"),
        CheckConstraint(_one_of("status", RelayStatus), "status"),
        Index("ix_relays_waiting", "contact_id", "number", postgresql_where=sql("status IN ('queued', 'sending')")),
        Index("ix_relays_message_id", "message_id"),
    )

    id: Mapped[Key]
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"))
    thread_id: Mapped[UUID]
    message_id: Mapped[UUID]
    number: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(Text, server_default=RelayStatus.QUEUED)
    reason: Mapped[str | None] = mapped_column(Text)
    # One for each piece that Telegram took: a long text leaves in several.
    telegram_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default=sql("'{}'"))
    # Its message was edited or deleted while it was on its way: it has to go once more, as an amendment.
    is_outdated: Mapped[bool] = mapped_column(server_default=sql("false"))
    tries: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    claimed_until: Mapped[datetime | None]
    created_at: Mapped[Created]
    settled_at: Mapped[datetime | None]
