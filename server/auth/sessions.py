"""Families of refresh tokens: each gives the next, and is spent with it. Knows no password and no access token."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update

from server import clock
from server.auth.constants import AGENT_CHARACTERS, SESSIONS_LIMIT
from server.auth.models import Session
from server.auth.opaque import RefreshToken, digest, matches
from server.database import Transaction
from server.errors import Unauthenticated

REPEAT = timedelta(seconds=30)  # in which a refresh may be asked again that got no answer
KEPT = timedelta(days=1)  # longer than any access token lasts


async def open_session(tx: Transaction, user: UUID, agent: str, lasting_seconds: int) -> RefreshToken:
    """Begin a family for this person. The oldest beyond SESSIONS_LIMIT end; rows go when nothing of them is good."""
    mine, is_open = Session.user_id == user, Session.revoked_at.is_(None)
    quietly = {"synchronize_session": False}
    expired = Session.expires_at < func.now() - KEPT
    await tx.session.execute(delete(Session).where(mine, expired).execution_options(**quietly))
    newest = select(Session.id).where(mine, is_open).order_by(Session.id.desc()).limit(SESSIONS_LIMIT - 1)
    # Ended and not removed: their access tokens are still out there, and every process has to hear that they ended.
    surplus = update(Session).where(mine, is_open, Session.id.not_in(newest)).values(revoked_at=func.clock_timestamp())
    await tx.session.execute(surplus.execution_options(**quietly))
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


async def take_turn(
    tx: Transaction, token: RefreshToken, secrets: Sequence[str], lasting_seconds: int
) -> tuple[UUID, RefreshToken | None]:
    """Spend the token: whose it is, and the next one; None for a token that was spent before, which ends its family.

    Within REPEAT the same token gives the same next one again, as long as that was not spent: the answer may
    have been lost on its way, or two windows asked at once. Whoever stole a token and whoever owns it still cannot both
    go on with it. Raises Unauthenticated for a token that is not known, expired or signed out.
    """
    session = await tx.session.get(Session, token.session, with_for_update=True)
    if session is None or not matches(token.family, session.family_hash) or session.revoked_at is not None:
        raise Unauthenticated("token_invalid", "this session is over; sign in again")
    if session.expires_at <= clock.now():
        raise Unauthenticated("token_expired", "this session was not used for too long; sign in again")
    if matches(token.turn, session.token_hash):
        following = token.next(secrets[0])
        session.token_hash = digest(following.turn)
        session.refreshed_at = clock.now()
        session.expires_at = clock.now() + timedelta(seconds=lasting_seconds)
        return session.user_id, following
    if clock.now() - session.refreshed_at <= REPEAT:
        for again in (token.next(secret) for secret in secrets):
            if matches(again.turn, session.token_hash):
                return session.user_id, again
    session.revoked_at = func.clock_timestamp()
    return session.user_id, None


async def end(tx: Transaction, token: RefreshToken) -> bool:
    """Sign this session out, and say whether it was open. A token that was spent may still do so."""
    session = await tx.session.get(Session, token.session, with_for_update=True)
    if session is None or not matches(token.family, session.family_hash) or session.revoked_at is not None:
        return False
    session.revoked_at = func.clock_timestamp()
    return True


async def end_all(tx: Transaction, user: UUID, but: UUID | None = None) -> None:
    """Sign this person out everywhere, except perhaps in the session they are using."""
    others = Session.id != but if but is not None else Session.id.is_not(None)
    await tx.session.execute(
        update(Session)
        .where(Session.user_id == user, Session.revoked_at.is_(None), others)
        .values(revoked_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )
