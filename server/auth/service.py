"""People sign up, in and out; their profiles, roles and bans. The verbs behind every door and the command line."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from server import clock, ids
from server.auth.constants import ADDRESS_FACTOR, Role
from server.auth.models import Session, User
from server.auth.passwords import Passwords
from server.auth.policy import Caller, normalised_email
from server.auth.tokens import Tokens, hashed
from server.auth.watch import Watch
from server.database import Database, Transaction
from server.errors import Conflict, Invalid, Missing, Unauthenticated
from server.pacing.limiter import Limiter
from server.pacing.pace import Rate

SignIn = Callable[[str], Awaitable[Caller]]

USER_AGENT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Auth:
    """What this room works with; one a process, built by the roof."""

    database: Database
    passwords: Passwords
    tokens: Tokens
    limiter: Limiter
    watch: Watch
    refresh_seconds: int
    attempts_per_minute: int


@dataclass(frozen=True, slots=True)
class Signed:
    """A sign-in: who, and the two keys, shown this once."""

    user: User
    access_token: str
    refresh_token: str


async def knock(auth: Auth, door: str, address: str, email: str | None = None) -> None:
    """Count one try at a door, by address and by e-mail; raises Limited with `retry_after`."""
    often = auth.attempts_per_minute
    paces = {f"{door}:from:{address}": Rate(ADDRESS_FACTOR * often / 60, ADDRESS_FACTOR * often)}
    if email is not None:
        paces[f"{door}:as:{hashed(normalised_email(email)).hex()[:32]}"] = Rate(often / 60, often)
    await auth.limiter.check(paces)


async def create_user(
    tx: Transaction, passwords: Passwords, email: str, password: str, *, name: str, role: Role = Role.USER
) -> User:
    """Someone new with an e-mail and a password. Raises Conflict when the e-mail is taken."""
    kept = await passwords.hash(password)
    values = {"id": ids.new(), "email": normalised_email(email), "name": name, "role": role, "password_hash": kept}
    new = insert(User).values(values).on_conflict_do_nothing(index_elements=["email"]).returning(User)
    user = await tx.session.scalar(new)
    if user is None:
        raise Conflict("email_taken", "there is an account with this e-mail already")
    return user


async def login(auth: Auth, email: str, password: str, user_agent: str) -> Signed:
    """Sign in. The same refusal, after the same work, for an unknown e-mail and a wrong password."""
    async with auth.database.transaction() as tx:
        user = await tx.session.scalar(select(User).where(User.email == normalised_email(email)))
    # Between two transactions: a hash takes a tenth of a second, and connections are few.
    right = await auth.passwords.verify(password, None if user is None else user.password_hash)
    if user is None or not right or user.banned_at is not None:
        raise Unauthenticated("wrong_credentials", "the e-mail or the password is wrong")
    async with auth.database.transaction() as tx:
        return _signed(tx, auth, user, user_agent)


async def enter_as_guest(tx: Transaction, auth: Auth, name: str, user_agent: str) -> Signed:
    """A new person without e-mail or password: whoever holds the keys is the guest."""
    user = User(id=ids.new(), name=name, role=Role.USER, created_at=clock.now())
    tx.session.add(user)
    await tx.session.flush()
    return _signed(tx, auth, user, user_agent)


def _signed(tx: Transaction, auth: Auth, user: User, user_agent: str) -> Signed:
    session_id, secret = ids.new(), ids.secret()
    tx.session.add(
        Session(
            id=session_id,
            user_id=user.id,
            token_hash=hashed(secret),
            user_agent=user_agent[:USER_AGENT_CHARACTERS],
            expires_at=clock.now() + timedelta(seconds=auth.refresh_seconds),
        )
    )
    return Signed(user, _access_token(auth, user), f"{session_id.hex}.{secret}")


def _access_token(auth: Auth, user: User) -> str:
    return auth.tokens.sign(user.id, user.name, Role(user.role), clock.now().timestamp())


async def refresh(auth: Auth, refresh_token: str) -> Signed:
    """New keys for an old refresh token. One that was used before ends the whole sign-in: it may have been stolen."""
    async with auth.database.transaction() as tx:
        session, secret = await _session(tx, refresh_token)
        if hmac.compare_digest(session.token_hash, hashed(secret)):
            user = await tx.session.get_one(User, session.user_id)
            if user.banned_at is not None:
                raise _no_session()
            fresh = ids.secret()
            session.token_hash = hashed(fresh)
            session.expires_at = clock.now() + timedelta(seconds=auth.refresh_seconds)
            return Signed(user, _access_token(auth, user), f"{session.id.hex}.{fresh}")
        session.revoked_at = clock.now()
    raise _no_session()


async def logout(tx: Transaction, refresh_token: str) -> None:
    """End the sign-in. One that is over already is no error."""
    try:
        session, secret = await _session(tx, refresh_token)
    except Unauthenticated:
        return
    if hmac.compare_digest(session.token_hash, hashed(secret)):
        session.revoked_at = clock.now()


async def _session(tx: Transaction, refresh_token: str) -> tuple[Session, str]:
    """The live sign-in that a refresh token belongs to, locked, and the token's secret part."""
    name, _, secret = refresh_token.partition(".")
    try:
        session_id = UUID(name)
    except ValueError as error:
        raise _no_session() from error
    session = await tx.session.get(Session, session_id, with_for_update=True)
    if session is None or session.revoked_at is not None or session.expires_at <= clock.now():
        raise _no_session()
    return session, secret


def _no_session() -> Unauthenticated:
    return Unauthenticated("session_over", "this sign-in is over; sign in again with POST /auth/login")


async def profile(tx: Transaction, caller: Caller) -> User:
    """The caller's own row."""
    user = await tx.session.get(User, caller.user)
    if user is None:
        raise Unauthenticated("token_invalid", "this account no longer exists")
    return user


async def change_profile(
    tx: Transaction, caller: Caller, *, name: str | None = None, language: str | None = None
) -> User:
    """Rename oneself, or choose a language."""
    user = await profile(tx, caller)
    user.name = name or user.name
    user.language = language or user.language
    return user


async def change_password(tx: Transaction, auth: Auth, caller: Caller, new: str, current: str | None) -> User:
    """A new password, against the current one; every sign-in with a refresh token ends."""
    user = await profile(tx, caller)
    if user.email is None:
        raise Invalid("guests_have_no_password", "a guest has no e-mail to sign in with; register instead")
    if not await auth.passwords.verify(current or "", user.password_hash):
        raise Invalid("wrong_password", "`current_password` is not your password")
    user.password_hash = await auth.passwords.hash(new)
    await _end_sessions(tx, user.id)
    return user


async def people(tx: Transaction, *, role: Role | None, limit: int, before: UUID | None) -> list[User]:
    """People, the newest first; `before` is the id of the last one of the page before."""
    query = select(User).order_by(User.id.desc()).limit(limit)
    if role is not None:
        query = query.where(User.role == role)
    if before is not None:
        query = query.where(User.id < before)
    return list(await tx.session.scalars(query))


async def change_user(
    tx: Transaction, auth: Auth, caller: Caller, user_id: UUID, *, role: Role | None, banned: bool | None
) -> User:
    """Give a role, ban or readmit; true on every process within two seconds. Admins cannot lock themselves out."""
    if user_id == caller.user:
        raise Conflict("not_yourself", "another admin has to change your role or ban you")
    user = await tx.session.get(User, user_id, with_for_update=True)
    if user is None:
        raise Missing("no_such_user", "there is no such user")
    if role is not None:
        user.role = role
    if banned is not None:
        user.banned_at = clock.now() if banned else None
        if banned:
            await _end_sessions(tx, user_id)
    user.changed_at = clock.now()

    async def look_again() -> None:
        auth.watch.forget()

    tx.after_commit(look_again)
    return user


async def _end_sessions(tx: Transaction, user_id: UUID) -> None:
    await tx.session.execute(
        update(Session).where(Session.user_id == user_id, Session.revoked_at.is_(None)).values(revoked_at=clock.now())
    )
