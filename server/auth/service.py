"""What people do with their accounts: register, sign in, refresh, sign out, change. Knows no request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert

from server import ids, voice
from server.auth import machines, sessions
from server.auth.attempts import Attempts
from server.auth.constants import GUEST_NAME, NAME_CHARACTERS, Role
from server.auth.models import AccessToken, User
from server.auth.opaque import ACCESS_PREFIX, RefreshToken
from server.auth.passwords import Passwords
from server.auth.policy import Caller, banned, check_other, check_role, check_session
from server.auth.revocations import Revocations
from server.auth.schemas import (
    PersonFilter,
    ProfileChange,
    TokenCreate,
    UserChange,
    UserCreate,
    UserLogin,
    normal_email,
)
from server.auth.tokens import Tokens
from server.database import Database, Transaction
from server.errors import Conflict, Forbidden, Invalid, Missing, Unauthenticated

SignIn: TypeAlias = Callable[[str], Awaitable[Caller]]


@dataclass(frozen=True, slots=True)
class Auth:
    """What the room works with, one of each in a process."""

    database: Database
    passwords: Passwords
    tokens: Tokens
    attempts: Attempts
    revocations: Revocations


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where someone comes from who has not said yet who they are."""

    host: str
    agent: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session's keys, and whose they are."""

    user: User
    access: str
    refresh: str
    access_seconds: int


async def create_user(
    tx: Transaction, passwords: Passwords, email: str, password: str, *, name: str | None = None, role: Role = Role.USER
) -> User:
    """A new person; raises Conflict `email_taken`, which only those may hear who see all people anyway."""
    try:
        new = UserCreate(email=email, password=password, name=name)
    except ValidationError as error:
        faults = voice.faults(error.errors())
        raise Invalid("invalid_input", voice.summary(faults), faults=faults) from error
    user_id = await _insert(tx, new, await passwords.hash(password), role)
    if user_id is None:
        raise Conflict("email_taken", f"{new.email} has an account already")
    return await tx.session.get_one(User, user_id)


async def find_user(tx: Transaction, email: str) -> User:
    """The person with this address; raises Missing, or Invalid for what is no address."""
    try:
        address = normal_email(email)
    except ValueError as error:
        raise Invalid("invalid_input", f"{email!r}: {error}") from error
    user = await tx.session.scalar(select(User).where(User.email == address))
    if user is None:
        raise Missing("no_such_user", f"nobody here has the address {email}")
    return user


async def register(auth: Auth, visitor: Visitor, new: UserCreate) -> None:
    """Make an account, unless the address has one: then nothing changes, and nobody can tell from here.

    The password is hashed before the row is tried, so both take the same time. What remains is to sign in afterwards
    with the password just chosen, which tells as much as any sign-in and is counted with those.
    """
    await auth.attempts.sign_in(visitor.host, new.email)
    kept = await auth.passwords.hash(new.password)
    async with auth.database.transaction() as tx:
        await _insert(tx, new, kept, Role.USER)


async def _insert(tx: Transaction, new: UserCreate, kept: str, role: Role) -> UUID | None:
    name = new.name or new.email.partition("@")[0][:NAME_CHARACTERS]
    row = {"id": ids.new(), "email": new.email, "name": name, "password_hash": kept, "role": role}
    statement = insert(User).values(row).on_conflict_do_nothing(index_elements=[User.email]).returning(User.id)
    found: UUID | None = await tx.session.scalar(statement)
    return found


async def login(auth: Auth, visitor: Visitor, given: UserLogin) -> SignedIn:
    """Open a session. An unknown address and a wrong password take the same work and get the same answer."""
    await auth.attempts.sign_in(visitor.host, given.email)
    async with auth.database.transaction() as tx:
        user = await tx.session.scalar(select(User).where(User.email == given.email))
    kept = user.password_hash if user else None
    # Hashing takes long: no connection is held meanwhile, so what was read is looked at again below.
    is_right, stronger = await auth.passwords.verify(given.password, kept)
    if user is None or not is_right:
        raise Unauthenticated("wrong_credentials", "the e-mail address or the password is wrong")
    async with auth.database.transaction() as tx:
        user = await _locked(tx, user.id)
        if user.password_hash != kept:
            raise Unauthenticated("wrong_credentials", "the e-mail address or the password is wrong")
        if user.banned_at is not None:
            raise banned()
        if stronger is not None:
            user.password_hash = stronger
        return await _open(auth, tx, user, visitor)


async def visit(auth: Auth, visitor: Visitor, name: str | None) -> SignedIn:
    """Let someone in without an account; their session is all there is of them."""
    await auth.attempts.visit(visitor.host)
    async with auth.database.transaction() as tx:
        user = User(name=name or GUEST_NAME, role=Role.USER, is_guest=True)
        tx.session.add(user)
        await tx.session.flush()
        await tx.session.refresh(user)
        return await _open(auth, tx, user, visitor)


async def refresh(auth: Auth, word: str) -> SignedIn:
    """Spend a refresh token for the next pair; one that was spent before ends its session, whoever brings it.

    What got no answer may be asked again within `sessions.REPEAT`, and gives the same refresh token.
    """
    token = RefreshToken.parse(word)
    async with auth.database.transaction() as tx:
        user_id, following = await sessions.take_turn(
            tx, token, auth.tokens.secrets, auth.tokens.lifetimes.refresh_seconds
        )
        if following is not None:
            return _signed_in(auth, await tx.session.get_one(User, user_id), following)
        tx.after_commit(auth.revocations.refresh)
    # Said only now: raised inside, it would have rolled the end of the session back.
    raise Unauthenticated("token_reused", "this refresh token was used before; the session is over, sign in again")


async def logout(auth: Auth, word: str) -> None:
    """End the session of this refresh token, and its access tokens with it; a session that is over stays so."""
    token = RefreshToken.parse(word)
    async with auth.database.transaction() as tx:
        if await sessions.end(tx, token):
            tx.after_commit(auth.revocations.refresh)


async def sign_in(auth: Auth, token: str) -> Caller:
    """Whom an access token or a personal access token speaks for.

    Raises Unauthenticated `token_expired`, `token_invalid` or `account_banned`. An access token costs no query: a ban,
    a sign-out or a new role is known within two seconds (`revocations.py`). A personal access token is looked up.
    """
    if token.startswith(ACCESS_PREFIX):
        return await machines.caller_of(auth.database, token)
    return await auth.revocations.check(auth.tokens.verify(token))


async def sign_in_once(auth: Auth, token: str) -> Caller:
    """The same for a socket, which shows its token once and is then known."""
    if token.startswith(ACCESS_PREFIX):
        return await machines.caller_of(auth.database, token)
    return await auth.revocations.check(auth.tokens.verify_once(token))


async def person(tx: Transaction, user_id: UUID) -> User:
    """Someone by id; raises Missing."""
    return _living(await tx.session.get(User, user_id))


def _living(user: User | None) -> User:
    if user is None or user.erased_at is not None:
        raise Missing("no_such_user", "there is no such user")
    return user


async def people(tx: Transaction, wanted: PersonFilter) -> Sequence[User]:
    """A page of people, the newest first."""
    query = select(User).where(User.erased_at.is_(None)).order_by(User.id.desc()).limit(wanted.limit)
    if wanted.cursor is not None:
        query = query.where(User.id < wanted.cursor)
    if wanted.role is not None:
        query = query.where(User.role == wanted.role)
    if wanted.is_guest is not None:
        query = query.where(User.is_guest.is_(wanted.is_guest))
    if wanted.is_banned is not None:
        query = query.where(User.banned_at.is_not(None) if wanted.is_banned else User.banned_at.is_(None))
    if wanted.q is not None:
        part = wanted.q.lower()
        query = query.where(
            or_(func.lower(User.name).contains(part, autoescape=True), User.email.contains(part, autoescape=True))
        )
    return (await tx.session.scalars(query)).all()


async def change_me(auth: Auth, visitor: Visitor, caller: Caller, change: ProfileChange) -> User:
    """Change one's own name, language or password; a new password signs out everywhere else."""
    before, after = await _new_password(auth, visitor, caller, change)
    async with auth.database.transaction() as tx:
        user = _living(await _locked(tx, caller.user))
        if after is not None:
            if user.password_hash != before:
                raise Conflict("password_changed", "the password was changed meanwhile")
            user.password_hash = after
            await sessions.end_all(tx, user.id, but=caller.session)
        if change.name is not None:
            user.name, user.changed_at = change.name, func.clock_timestamp()
        user.language = change.language or user.language
        tx.after_commit(auth.revocations.refresh)
        await tx.session.flush()
        await tx.session.refresh(user)
        return user


async def _new_password(
    auth: Auth, visitor: Visitor, caller: Caller, change: ProfileChange
) -> tuple[str | None, str | None]:
    """The kept hash that the current password matched, and the hash of the new one; neither without a new password."""
    if change.password is None:
        return None, None
    kept = await confirm(auth, visitor, caller, change.current_password)
    return kept, await auth.passwords.hash(change.password)


async def confirm(auth: Auth, visitor: Visitor, caller: Caller, password: str | None) -> str | None:
    """The kept hash that the password matched; raises Forbidden for a wrong one, and for a machine. A guest has none.

    No connection is held meanwhile, so whoever goes on looks at the hash again.
    """
    check_session(caller)
    await auth.attempts.sign_in(visitor.host, str(caller.user))
    async with auth.database.transaction() as tx:
        user = await person(tx, caller.user)
    is_right, _ = await auth.passwords.verify(password or "", user.password_hash)
    if not is_right and not (user.is_guest and password is None):
        raise Forbidden("wrong_password", "`current_password` is not your password")
    return user.password_hash


async def change_user(
    tx: Transaction, revocations: Revocations, caller: Caller, user_id: UUID, change: UserChange
) -> User:
    """Give someone a role, ban them or let them back; a ban signs them out and holds everywhere within seconds."""
    check_other(caller, user_id)
    user = _living(await _locked(tx, user_id))
    if change.role is not None:
        user.role = change.role
    if change.is_banned is not None:
        user.banned_at = func.coalesce(User.banned_at, func.now()) if change.is_banned else None
    if change.is_banned:
        await sessions.end_all(tx, user_id)
    user.changed_at = func.clock_timestamp()
    tx.after_commit(revocations.refresh)
    await tx.session.flush()
    await tx.session.refresh(user)
    return user


async def create_own_token(tx: Transaction, caller: Caller, new: TokenCreate) -> tuple[AccessToken, str]:
    """A personal access token for the caller, which may do no more than they may."""
    check_session(caller)
    check_role(caller, new.role or Role.USER)
    return await machines.create_token(tx, caller.user, new.name, role=new.role, expires_in_days=new.expires_in_days)


async def revoke_own_token(tx: Transaction, caller: Caller, token_id: UUID) -> None:
    """Take a personal access token of the caller back."""
    check_session(caller)
    await machines.revoke_token(tx, caller.user, token_id)


async def _locked(tx: Transaction, user_id: UUID) -> User:
    user = await tx.session.get(User, user_id, with_for_update={"key_share": True}, populate_existing=True)
    if user is None:
        raise Missing("no_such_user", "there is no such user")
    return user


async def _open(auth: Auth, tx: Transaction, user: User, visitor: Visitor) -> SignedIn:
    token = await sessions.open_session(tx, user.id, visitor.agent, auth.tokens.lifetimes.refresh_seconds)
    return _signed_in(auth, user, token)


def _signed_in(auth: Auth, user: User, token: RefreshToken) -> SignedIn:
    access = auth.tokens.issue(user.id, user.name, Role(user.role), token.session)
    return SignedIn(user, access, token.word, auth.tokens.lifetimes.access_seconds)
