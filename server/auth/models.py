"""The tables of the auth room: people, their sessions, their personal access tokens."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, Text, false
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from server.auth.constants import Role
from server.models import Base, Created, Key

_ROLES = f"role IN ({', '.join(repr(str(role)) for role in Role)})"


class User(Base):
    """A person. A guest has neither e-mail nor password: their session is all there is."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint(_ROLES, "role"),
        CheckConstraint("email = lower(email)", "email_lower"),
        # Read every few seconds by every process (revocations.py); few people ever change.
        Index("ix_users_changed_at", "changed_at", postgresql_where=sql("changed_at IS NOT NULL")),
    )

    id: Mapped[Key]
    email: Mapped[str | None] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text, server_default=Role.USER)
    is_guest: Mapped[bool] = mapped_column(server_default=false())
    password_hash: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    banned_at: Mapped[datetime | None]
    # When the name, the role or the ban last changed: what access tokens already out there do not know.
    changed_at: Mapped[datetime | None]
    # Erased, and kept without anything personal until the last of what was theirs is gone. Nobody sees it.
    erased_at: Mapped[datetime | None]
    created_at: Mapped[Created]


class Session(Base):
    """A family of refresh tokens, of which one is good. Its id is the `sid` of the access tokens."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_user_id", "user_id"),
        Index("ix_sessions_revoked_at", "revoked_at", postgresql_where=sql("revoked_at IS NOT NULL")),
        Index("ix_sessions_expires_at", "expires_at"),
    )

    id: Mapped[Key]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    # Every token of the family carries the family's secret, so that a spent one is told from a guess.
    family_hash: Mapped[bytes] = mapped_column(LargeBinary)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    user_agent: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[Created]
    refreshed_at: Mapped[Created]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class AccessToken(Base):
    """A personal access token, for a machine that speaks for a person. Only its hash is kept."""

    __tablename__ = "access_tokens"
    __table_args__ = (
        CheckConstraint(_ROLES, "role"),
        Index("ix_access_tokens_user_id", "user_id"),
        # Read every few seconds by every process, as that of the sessions.
        Index("ix_access_tokens_revoked_at", "revoked_at", postgresql_where=sql("revoked_at IS NOT NULL")),
    )

    id: Mapped[Key]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    prefix: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    role: Mapped[str] = mapped_column(Text)  # a ceiling: the owner's own role holds where it is lower
    created_at: Mapped[Created]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Erasure(Base):
    """That somebody was erased: who by id, when, by whom, and how much. Kept for ever; nothing personal is in it."""

    __tablename__ = "erasures"
    __table_args__ = (
        # Nearly always empty: the sweep asks for them twice a second.
        Index("ix_erasures_due_at", "due_at", postgresql_where=sql("finished_at IS NULL")),
        # Read every few seconds by every process (revocations.py).
        Index("ix_erasures_requested_at", "requested_at"),
    )

    id: Mapped[Key]
    user_id: Mapped[UUID] = mapped_column(unique=True)
    requested_by: Mapped[UUID]
    requested_at: Mapped[Created]
    due_at: Mapped[Created]
    finished_at: Mapped[datetime | None]
    messages: Mapped[int] = mapped_column(BigInteger, server_default="0")
    reactions: Mapped[int] = mapped_column(BigInteger, server_default="0")
    threads: Mapped[int] = mapped_column(BigInteger, server_default="0")
