"""Personal access tokens, with which machines speak for people: make, list, revoke, and whom one speaks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update

from server import clock
from server.auth.constants import ACCESS_TOKENS_LIMIT, Role
from server.auth.models import AccessToken, User
from server.auth.opaque import SHOWN_CHARACTERS, digest, new_access_token
from server.auth.policy import Caller, banned
from server.database import Database, Transaction
from server.errors import Conflict, Missing, Unauthenticated

KEPT = timedelta(days=90)  # a revoked token can be asked about for so long
FIND = """SELECT t.id, t.user_id, u.name, u.role, t.role AS ceiling, t.expires_at, u.banned_at, t.revoked_at,
                 t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute' AS is_unmarked
          FROM access_tokens t JOIN users u ON u.id = t.user_id WHERE t.token_hash = $1"""
MARK = """UPDATE access_tokens SET last_used_at = now()
          WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')"""


async def create_token(
    tx: Transaction, user_id: UUID, name: str, *, role: Role | None = None, expires_in_days: int | None = None
) -> tuple[AccessToken, str]:
    """A new token and, for this once, its word. Its role is a ceiling, by default what the person is now."""
    user = await tx.session.get(User, user_id, with_for_update={"key_share": True})
    if user is None:
        raise Missing("no_such_user", "there is no such user")
    mine = AccessToken.user_id == user_id
    live = select(func.count()).where(mine, AccessToken.revoked_at.is_(None))
    if (await tx.session.scalar(live) or 0) >= ACCESS_TOKENS_LIMIT:
        raise Conflict("too_many_tokens", f"one may have {ACCESS_TOKENS_LIMIT} tokens; revoke one first")
    await tx.session.execute(delete(AccessToken).where(mine, AccessToken.revoked_at < clock.now() - KEPT))
    word = new_access_token()
    token = AccessToken(
        user_id=user_id,
        name=name,
        prefix=word[:SHOWN_CHARACTERS],
        token_hash=digest(word),
        role=role or user.role,
        expires_at=None if expires_in_days is None else clock.now() + timedelta(days=expires_in_days),
    )
    tx.session.add(token)
    await tx.session.flush()
    await tx.session.refresh(token)
    return token, word


async def tokens_of(tx: Transaction, user_id: UUID) -> Sequence[AccessToken]:
    """The person's tokens that were not revoked, the newest first."""
    mine = select(AccessToken).where(AccessToken.user_id == user_id, AccessToken.revoked_at.is_(None))
    return (await tx.session.scalars(mine.order_by(AccessToken.id.desc()))).all()


async def revoke_token(tx: Transaction, user_id: UUID, token_id: UUID) -> None:
    """From now on nobody speaks with it; raises Missing for a token that is not this person's."""
    mine = (AccessToken.id == token_id, AccessToken.user_id == user_id, AccessToken.revoked_at.is_(None))
    revoked = update(AccessToken).where(*mine).values(revoked_at=func.now()).returning(AccessToken.id)
    if await tx.session.scalar(revoked) is None:
        raise Missing("no_such_token", "there is no such token, or it is not yours")


async def caller_of(database: Database, word: str) -> Caller:
    """Whom the token speaks for, as they are at this moment; raises Unauthenticated."""
    async with database.connection() as connection:
        row = await connection.fetchrow(FIND, digest(word))
        if row is None or row["revoked_at"] is not None:
            raise Unauthenticated("token_invalid", "this personal access token is not known or was revoked")
        if row["expires_at"] is not None and row["expires_at"] <= clock.now():
            raise Unauthenticated("token_expired", "this personal access token has expired; make a new one")
        if row["banned_at"] is not None:
            raise banned()
        if row["is_unmarked"]:
            await connection.execute(MARK, row["id"])
    role, ceiling = Role(row["role"]), Role(row["ceiling"])
    expires_at = row["expires_at"].timestamp() if row["expires_at"] else None
    role = ceiling if role.covers(ceiling) else role
    return Caller(row["user_id"], row["name"], role, expires_at, machine=row["id"], ceiling=ceiling)
