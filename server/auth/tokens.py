"""The keys that people show: signed access tokens, and opaque secrets that are kept as hashes. Asks no database."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import jwt

from server import ids
from server.auth.constants import AUDIENCE, ISSUER, TOKEN_PREFIX, Role
from server.auth.policy import Caller
from server.errors import Unauthenticated

ALGORITHM = "HS256"
REMEMBER_LIMIT = 10_000  # verified tokens of one process, about 10 MB; verifying costs 24 µs, remembering none


@dataclass(frozen=True, slots=True)
class Tokens:
    """Signs with the first secret, takes any of them: a new one is put in front, the old one left until it is old."""

    secrets: Sequence[str]
    access_seconds: int
    _known: OrderedDict[str, Caller]

    @classmethod
    def of(cls, secrets: Sequence[str], access_seconds: int) -> Tokens:
        """Tokens of this house."""
        return cls(tuple(secrets), access_seconds, OrderedDict())

    def sign(self, user: UUID, name: str, role: Role, now: float) -> str:
        """An access token that is good for `access_seconds`."""
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(user), "name": name, "role": str(role)}
        times = {"iat": int(now), "exp": int(now) + self.access_seconds, "jti": ids.new().hex}
        return jwt.encode({**claims, **times}, self.secrets[0], ALGORITHM)

    def verify(self, token: str) -> Caller:
        """Who the token speaks for. Raises Unauthenticated `token_expired` or `token_invalid`."""
        known = self._known.get(token)
        if known is not None:
            if known.expires_at is not None and known.expires_at <= time.time():
                del self._known[token]
                raise _expired()
            return known
        caller = self._verified(token)
        self._known[token] = caller
        if len(self._known) > REMEMBER_LIMIT:
            self._known.popitem(last=False)
        return caller

    def _verified(self, token: str) -> Caller:
        for secret in self.secrets:
            try:
                claims = jwt.decode(
                    token,
                    secret,
                    algorithms=[ALGORITHM],
                    audience=AUDIENCE,
                    issuer=ISSUER,
                    options={"require": ["exp", "iat", "sub", "aud", "iss"]},
                )
                return Caller(UUID(claims["sub"]), str(claims["name"]), Role(claims["role"]), float(claims["exp"]))
            except jwt.ExpiredSignatureError as error:
                raise _expired() from error
            except jwt.InvalidSignatureError:
                continue
            except (jwt.InvalidTokenError, KeyError, ValueError) as error:
                raise _invalid() from error
        raise _invalid()


def _expired() -> Unauthenticated:
    return Unauthenticated("token_expired", "the access token is over; get a new one with POST /auth/refresh")


def _invalid() -> Unauthenticated:
    return Unauthenticated("token_invalid", "this is no token of ours; sign in with POST /auth/login")


def is_personal(token: str) -> bool:
    """Whether this looks like a personal access token rather than a signed one."""
    return token.startswith(TOKEN_PREFIX)


def hashed(secret: str) -> bytes:
    """How an opaque secret is kept: it has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
