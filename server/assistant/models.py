"""The tables of the assistant: what it knows, where it attends, and what it decided."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, func, true
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from server.models import Base, Created, Key


class Article(Base):
    """Something worth knowing, in one language; its translations have the same key."""

    __tablename__ = "articles"
    __table_args__ = (
        UniqueConstraint("key", "language"),
        Index("ix_articles_words", "words", postgresql_using="gin"),
    )

    id: Mapped[Key]
    key: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool] = mapped_column(server_default=true())
    version: Mapped[int] = mapped_column(server_default="1")
    # Stems of its language, which no generated column could know.
    words: Mapped[Any] = mapped_column(TSVECTOR)
    # Its meaning, and by which model; a worker that has one writes it.
    vector: Mapped[bytes | None] = mapped_column(LargeBinary)
    vector_model: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Created]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_by: Mapped[UUID | None]


class ArticleVersion(Base):
    """What a change of an article replaced."""

    __tablename__ = "article_versions"

    article_id: Mapped[UUID] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    replaced_by: Mapped[UUID | None]
    replaced_at: Mapped[Created]


class Attendance(Base):
    """How far the assistant has looked at a thread, and which worker looks at it now."""

    __tablename__ = "attendances"
    __table_args__ = (
        Index("ix_attendances_leased_until", "leased_until", postgresql_where=sql("leased_until IS NOT NULL")),
    )

    thread_id: Mapped[UUID] = mapped_column(ForeignKey("threads.id", ondelete="CASCADE"), primary_key=True)
    seen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    carrier: Mapped[str | None] = mapped_column(Text)
    lease: Mapped[UUID | None]
    leased_until: Mapped[datetime | None]


class Decision(Base):
    """What came of one question. Written before the reply is posted: whoever finds it unfinished posts the same."""

    __tablename__ = "decisions"
    __table_args__ = (
        Index("ix_decisions_thread_id_number", "thread_id", "number"),
        Index("ix_decisions_reply_id", "reply_id", postgresql_where=sql("reply_id IS NOT NULL")),
    )

    question_id: Mapped[UUID] = mapped_column(primary_key=True)
    thread_id: Mapped[UUID] = mapped_column(ForeignKey("threads.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(BigInteger)
    path: Mapped[str] = mapped_column(Text)
    carrier: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    articles: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=sql("'[]'"))
    model: Mapped[str | None] = mapped_column(Text)
    latency_ms: Mapped[int]
    prompt_tokens: Mapped[int | None]
    answer_tokens: Mapped[int | None]
    reason: Mapped[str | None] = mapped_column(Text)
    reply_text: Mapped[str] = mapped_column(Text)
    reply_payload: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    reply_id: Mapped[UUID | None]
    is_helpful: Mapped[bool | None]
    created_at: Mapped[Created]
    finished_at: Mapped[datetime | None]
