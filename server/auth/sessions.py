"""Families of refresh tokens: each token is good once and gives the next. Knows no password and no access token."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update

from server import clock
from server.auth.constants import AGENT_CHARACTERS, SESSIONS_LIMIT
from server.auth.models import Session
from server.auth.opaque import RefreshToken, digest, matches
from server.database import Transaction
from server.errors import Unauthenticated


async def open_session(tx: Transaction, user: UUID, agent: str, lasting_seconds: int) -> RefreshToken:
    """Begin a family for this person. Expired ones go, and the oldest beyond SESSIONS_LIMIT."""
    mine = Session.user_id == user
    newest = select(Session.id).where(mine).order_by(Session.id.desc()).limit(SESSIONS_LIMIT - 1)
    gone = or_(Session.expires_at < func.now(), Session.id.not_in(newest))
    await tx.session.execute(delete(Session).where(mine, gone).execution_options(synchronize_session=False))
    token = RefreshToken.new()
    tx.session.add(
        Session(
            id=token.session,
            user_id=user,
            family_hash=digest(token.family),
            token_hash=digest(token.turn),
            user_agent=agent[:AGENT_CHARACTERS],
            expires_at=clock.now() + timedelta(seconds=lasting_seconds),
        )
    )
    await tx.session.flush()
    return token


async def take_turn(tx: Transaction, token: RefreshToken, lasting_seconds: int) -> tuple[UUID, RefreshToken | None]:
    """Spend the token: whose it is, and the next one; None for a token that was spent before, which ends its family.

    Two who come at once with the same token are one turn and one reuse: whoever stole it and whoever owned it both
    have to sign in again. Raises Unauthenticated for a token that is not known, expired or signed out.
    """
    session = await tx.session.get(Session, token.session, with_for_update=True)
    if session is None or not matches(token.family, session.family_hash) or session.revoked_at is not None:
        raise Unauthenticated("token_invalid", "this session is over; sign in again")
    if session.expires_at <= clock.now():
        raise Unauthenticated("token_expired", "this session was not used for too long; sign in again")
    if not matches(token.turn, session.token_hash):
        session.revoked_at = func.clock_timestamp()
        return session.user_id, None
    following = token.next()
    session.token_hash = digest(following.turn)
    session.refreshed_at = clock.now()
    session.expires_at = clock.now() + timedelta(seconds=lasting_seconds)
    return session.user_id, following


async def end(tx: Transaction, token: RefreshToken) -> None:
    """Sign this session out. A token that was spent may still do so; one that is not known changes nothing."""
    session = await tx.session.get(Session, token.session, with_for_update=True)
    if session is not None and matches(token.family, session.family_hash) and session.revoked_at is None:
        session.revoked_at = func.clock_timestamp()


async def end_all(tx: Transaction, user: UUID, but: UUID | None = None) -> None:
    """Sign this person out everywhere, except perhaps in the session they are using."""
    others = Session.id != but if but is not None else Session.id.is_not(None)
    await tx.session.execute(
        update(Session)
        .where(Session.user_id == user, Session.revoked_at.is_(None), others)
        .values(revoked_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )
