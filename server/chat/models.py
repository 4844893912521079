"""The tables of the chat room. Keys of messages begin with the thread, ready for hash partitions."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Text,
    func,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from server import ids
from server.chat.constants import AuthorKind, Capability, Kind, MessageStatus, Status
from server.models import Base, Created, Key


def _one_of(column: str, words: type[Kind | Status | Capability | AuthorKind | MessageStatus]) -> str:
    return f"{column} IN ({', '.join(repr(str(word)) for word in words)})"


def _new_epoch() -> str:
    return ids.new().hex[-8:]


class Thread(Base):
    """A conversation. Every durable change in it takes the next offset: `top` is the last one taken."""

    __tablename__ = "threads"
    __table_args__ = (
        CheckConstraint(_one_of("kind", Kind), "kind"),
        CheckConstraint(_one_of("status", Status), "status"),
        Index("ix_threads_active_at_id", "active_at", "id"),
        Index("ix_threads_created_by", "created_by"),
        # Asked for each thread and each person that goes.
        Index("ix_threads_attached_to", "attached_to", postgresql_where=sql("attached_to IS NOT NULL")),
        Index("ix_threads_handled_by", "handled_by", postgresql_where=sql("handled_by IS NOT NULL")),
        Index("ix_threads_waiting_since", "waiting_since", postgresql_where=sql("waiting_since IS NOT NULL")),
        # Half of each page is left free, so that the counters are updated in place (HOT) at every flush.
        {"postgresql_with": {"fillfactor": "50"}},
    )

    id: Mapped[Key]
    kind: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text, server_default="")
    status: Mapped[str] = mapped_column(Text, server_default=Status.OPEN)
    # Names a thread of which there may be one: `room:lobby`, `own:<user>`, `direct:<a>:<b>`, `notes:<thread>`.
    slug: Mapped[str | None] = mapped_column(Text, unique=True)
    attached_to: Mapped[UUID | None] = mapped_column(ForeignKey("threads.id", ondelete="CASCADE"))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    handled_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    # Since when it waits for a person; None while the assistant or an operator looks after it.
    waiting_since: Mapped[datetime | None]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=sql("'{}'"))
    posted: Mapped[int] = mapped_column(BigInteger, server_default="0")
    top: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # Retention has removed messages: changes up to this offset cannot be read any more, nor messages up to this number.
    floor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    cleared: Mapped[int] = mapped_column(BigInteger, server_default="0")
    epoch: Mapped[str] = mapped_column(Text, default=_new_epoch)
    # Moves at most once a second: it is indexed, and a value that stays the same keeps the update in place.
    active_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[Created]


class Member(Base):
    """A person who belongs to a thread, and what they may do there."""

    __tablename__ = "members"
    __table_args__ = (
        CheckConstraint(_one_of("capability", Capability), "capability"),
        Index("ix_members_user_id_thread_id", "user_id", "thread_id"),
    )

    thread_id: Mapped[UUID] = mapped_column(ForeignKey("threads.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    capability: Mapped[str] = mapped_column(Text)
    joined_at: Mapped[Created]


class ReadMarker(Base):
    """How far a person has read; apart from membership, because operators and a room's visitors read too."""

    __tablename__ = "read_markers"
    # Where somebody has spoken: the journal moves the marker of every author.
    __table_args__ = (Index("ix_read_markers_user_id", "user_id"),)

    thread_id: Mapped[UUID] = mapped_column(ForeignKey("threads.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)


class Message(Base):
    """One message as it is now. It has no foreign keys: the journal locks its thread, and a check a row costs more."""

    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint(_one_of("author_kind", AuthorKind), "author_kind"),
        CheckConstraint(_one_of("status", MessageStatus), "status"),
        Index("ix_messages_thread_id_offset", "thread_id", "offset"),
        Index("ix_messages_id", "id"),
        # Nobody is an author, too: a message that comes from outside twice is one message.
        Index(
            "ix_messages_thread_id_author_id_client_id",
            *("thread_id", "author_id", "client_id"),
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=sql("client_id IS NOT NULL"),
        ),
        # Few messages carry any: whoever goes takes theirs along.
        Index("ix_messages_reacted", "id", postgresql_where=sql("reactions <> '{}'")),
        Index(
            "ix_messages_amended_at",
            sql("GREATEST(edited_at, deleted_at)"),
            postgresql_where=sql("edited_at IS NOT NULL OR deleted_at IS NOT NULL"),
        ),
        # Room for the language that a worker adds later, in place.
        {"postgresql_with": {"fillfactor": "90"}},
    )

    thread_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    offset: Mapped[int] = mapped_column(BigInteger)
    id: Mapped[UUID] = mapped_column(default=ids.new)
    author_id: Mapped[UUID | None]
    author_kind: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text, server_default="text")
    text: Mapped[str] = mapped_column(Text)
    payload: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    client_id: Mapped[str | None] = mapped_column(Text)
    reply_to: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(Text, server_default=MessageStatus.SENT)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=sql("'{}'"))
    language: Mapped[str | None] = mapped_column(Text)
    reactions: Mapped[dict[str, list[str]]] = mapped_column(JSONB, server_default=sql("'{}'"))
    created_at: Mapped[Created]
    edited_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class Revision(Base):
    """The text and the tags that an edit or a deletion replaced; of a payload nothing is kept."""

    __tablename__ = "revisions"
    __table_args__ = (Index("ix_revisions_message_id", "message_id"),)

    id: Mapped[Key]
    thread_id: Mapped[UUID] = mapped_column(ForeignKey("threads.id", ondelete="CASCADE"))
    message_id: Mapped[UUID]
    text: Mapped[str] = mapped_column(Text)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=sql("'{}'"))
    replaced_by: Mapped[UUID | None]
    replaced_at: Mapped[Created]


class ThreadChange(Base):
    """What happened to a thread besides posts, until somebody has told it on. `posted` says after how many of them."""

    __tablename__ = "thread_changes"
    __table_args__ = (Index("ix_thread_changes_thread_id", "thread_id"),)

    seq: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    id: Mapped[UUID]
    thread_id: Mapped[UUID] = mapped_column(ForeignKey("threads.id", ondelete="CASCADE"))
    posted: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(Text)
    data: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]


class File(Base):
    """A file for messages of its thread. One that no message names goes when it is looked at, a day after the last."""

    __tablename__ = "files"
    __table_args__ = (Index("ix_files_thread_id", "thread_id"), Index("ix_files_checked_at", "checked_at"))

    id: Mapped[Key]
    thread_id: Mapped[UUID] = mapped_column(ForeignKey("threads.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    size: Mapped[int]
    content: Mapped[bytes]
    checked_at: Mapped[Created]
    created_at: Mapped[Created]


class SearchText(Base):
    """The words of a message for full-text search, written after the post: indexing costs more than posting."""

    __tablename__ = "search_texts"
    __table_args__ = (
        Index("ix_search_texts_words", "words", postgresql_using="gin"),
        # Nearly always empty: the sweep asks for them twice a second.
        Index("ix_search_texts_reworded", "message_id", postgresql_where=sql("is_reworded")),
    )

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    thread_id: Mapped[UUID]
    text: Mapped[str] = mapped_column(Text)
    words: Mapped[Any] = mapped_column(TSVECTOR, Computed("to_tsvector('simple', text)", persisted=True))
    # An edit came after the language was found: it has to be found again.
    is_reworded: Mapped[bool] = mapped_column(server_default=sql("false"))
