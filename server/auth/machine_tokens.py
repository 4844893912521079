"""Personal access tokens for machines: made, shown once, listed, revoked, and taken at the doors."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from server import clock, ids
from server.auth.constants import TOKEN_PREFIX, TOKENS_LIMIT, Role
from server.auth.models import AccessToken
from server.auth.policy import Caller
from server.auth.tokens import Tokens, hashed, is_personal
from server.auth.watch import Watch
from server.database import Database, Transaction
from server.errors import Conflict, Invalid, Missing, Unauthenticated

FRESH_SECONDS = 2.0  # a revoked token is refused on every process within this
REMEMBER_LIMIT = 1000  # tokens of one process; machines are few

FIND = """
UPDATE access_tokens a SET last_used_at = CASE
  WHEN a.last_used_at IS NULL OR a.last_used_at < now() - interval '1 minute' THEN now() ELSE a.last_used_at END
FROM users u
WHERE a.token_hash = $1 AND u.id = a.user_id AND a.revoked_at IS NULL AND u.banned_at IS NULL
  AND (a.expires_at IS NULL OR a.expires_at > now())
RETURNING u.id, u.name, u.role, a.expires_at
"""


async def create_token(
    tx: Transaction, user_id: UUID, name: str, *, expires_at: datetime | None = None
) -> tuple[AccessToken, str]:
    """A new token and its secret, which is kept nowhere."""
    if expires_at is not None and expires_at <= clock.now():
        raise Invalid("expires_in_the_past", "`expires_at` has to lie ahead")
    live = select(func.count()).where(AccessToken.user_id == user_id, AccessToken.revoked_at.is_(None))
    if (await tx.session.scalar(live) or 0) >= TOKENS_LIMIT:
        raise Conflict("too_many_tokens", f"a person has at most {TOKENS_LIMIT} tokens; revoke one first")
    secret = TOKEN_PREFIX + ids.secret()
    token = AccessToken(
        id=ids.new(),
        user_id=user_id,
        name=name,
        token_hash=hashed(secret),
        hint=secret[: len(TOKEN_PREFIX) + 4],
        expires_at=expires_at,
        created_at=clock.now(),
    )
    tx.session.add(token)
    await tx.session.flush()
    return token, secret


async def tokens_of(tx: Transaction, caller: Caller) -> list[AccessToken]:
    """The caller's tokens that are not revoked, the newest first."""
    query = select(AccessToken).where(AccessToken.user_id == caller.user, AccessToken.revoked_at.is_(None))
    return list(await tx.session.scalars(query.order_by(AccessToken.id.desc())))


async def revoke_token(tx: Transaction, caller: Caller, token_id: UUID) -> None:
    """End one of the caller's tokens."""
    token = await tx.session.get(AccessToken, token_id, with_for_update=True)
    if token is None or token.user_id != caller.user or token.revoked_at is not None:
        raise Missing("no_such_token", "there is no such token, or it is not yours")
    token.revoked_at = clock.now()


class Doorkeeper:
    """Takes any token at any door, REST or socket, and says who calls."""

    def __init__(self, database: Database, tokens: Tokens, watch: Watch) -> None:
        self._database = database
        self._tokens = tokens
        self._watch = watch
        self._machines: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    async def sign_in(self, token: str) -> Caller:
        """Who the token speaks for. Raises Unauthenticated `token_expired`, `token_invalid` or `banned`."""
        if is_personal(token):
            return await self._machine(hashed(token))
        return await self._watch.corrected(self._tokens.verify(token))

    async def _machine(self, token_hash: bytes) -> Caller:
        now = clock.monotonic()
        known = self._machines.get(token_hash)
        if known is not None and now - known[0] < FRESH_SECONDS:
            return known[1]
        async with self._database.connection() as connection:
            row = await connection.fetchrow(FIND, token_hash)
        if row is None:
            raise Unauthenticated("token_invalid", "this access token is unknown, over or revoked")
        expires_at = row["expires_at"].timestamp() if row["expires_at"] else None
        caller = Caller(row["id"], row["name"], Role(row["role"]), expires_at)
        self._machines[token_hash] = (now, caller)
        self._machines.move_to_end(token_hash)
        if len(self._machines) > REMEMBER_LIMIT:
            self._machines.popitem(last=False)
        return caller
