"""Access tokens: signed words that say who speaks. Knows no table, so a ban has to reach their bearer another way."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt
import msgspec
from jwt.types import Options

from server import clock, ids
from server.auth.constants import TOKEN_CHARACTERS, Role
from server.auth.policy import Caller
from server.errors import Unauthenticated

ALGORITHM = "HS256"
ISSUER = AUDIENCE = "parley"
LISTENERS = "parley-listener"  # the audience of a token that lets somebody listen to one channel
REQUIRED = ["iss", "aud", "exp", "iat", "sub", "jti", "name", "role", "sid"]
# `verify` holds `exp` against our clock, for remembered tokens too. `iat` is only told: a machine whose clock is a
# second behind must not refuse what its neighbour has just signed.
LEFT_TO_US: Options = {"verify_exp": False, "verify_iat": False}
REMEMBERED_TOKENS = 10_000  # about 10 MB; when full, the one verified longest ago is verified anew


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long the two tokens of a session are good."""

    access_seconds: int = 900
    refresh_seconds: int = 30 * 86_400


class Tokens:
    """Issues access tokens and verifies them. Of several secrets the first signs and any verifies."""

    def __init__(self, secrets: Sequence[str], lifetimes: Lifetimes) -> None:
        self.lifetimes = lifetimes
        self.secrets = tuple(secrets)
        self._keys = {_key_id(secret): secret for secret in secrets}
        self._signing = _key_id(secrets[0])
        self._by_header = {
            jwt.encode({}, secret, ALGORITHM, headers={"kid": key_id}).partition(".")[0]: secret
            for key_id, secret in self._keys.items()
        }
        self._verified: dict[str, Caller] = {}

    def issue(self, user: UUID, name: str, role: Role, session: UUID) -> str:
        """An access token for this person in this session, good from now on."""
        now = int(clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + self.lifetimes.access_seconds,
            "jti": ids.new().hex,
            "sub": str(user),
            "name": name,
            "role": role,
            "sid": str(session),
        }
        return jwt.encode(claims, self._keys[self._signing], ALGORITHM, headers={"kid": self._signing})

    def verify(self, token: str) -> Caller:
        """Whom the token speaks for; raises Unauthenticated `token_expired` or `token_invalid`."""
        caller = self._verified.get(token)
        if caller is None:
            caller = self._verified[token] = self._decoded(token)
            if len(self._verified) > REMEMBERED_TOKENS:
                del self._verified[next(iter(self._verified))]
        return _unexpired(caller)

    def verify_once(self, token: str) -> Caller:
        """The same for a token that is not going to be seen again soon: a socket shows it once."""
        return _unexpired(self._decoded(token))

    def issue_subscription(self, user: UUID, channel: str, seconds: int) -> str:
        """A token that lets this person listen to this channel, good from now on."""
        now = int(clock.now().timestamp())
        claims = {"iss": ISSUER, "aud": LISTENERS, "iat": now, "exp": now + seconds, "sub": str(user)}
        return jwt.encode(
            claims | {"channel": channel}, self._keys[self._signing], ALGORITHM, headers={"kid": self._signing}
        )

    def verify_subscription(self, token: str, user: UUID, channel: str) -> float:
        """Until when (Unix seconds) it lets them listen; raises Unauthenticated `token_expired` or `token_invalid`."""
        claims = self._claims(token, LISTENERS, ["iss", "aud", "exp", "sub", "channel"])
        if claims["sub"] != str(user) or claims["channel"] != channel:
            raise _invalid()
        if clock.now().timestamp() >= float(claims["exp"]):
            raise Unauthenticated("token_expired", "this subscription token has expired; ask for a new one")
        return float(claims["exp"])

    def _decoded(self, token: str) -> Caller:
        claims = self._claims(token, AUDIENCE, REQUIRED)
        try:
            return Caller(
                ids.read(claims["sub"]),
                claims["name"],
                Role(claims["role"]),
                float(claims["exp"]),
                ids.read(claims["sid"]),
            )
        # A token that was not made here may hold anything where these look: every such surprise means the same.
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _invalid() from error

    def _claims(self, token: str, audience: str, required: list[str]) -> dict[str, Any]:
        if len(token) > TOKEN_CHARACTERS:
            raise _invalid()
        key = self._by_header.get(token.partition(".")[0])
        try:
            if key is None:
                key = self._keys[jwt.get_unverified_header(token)["kid"]]
                options: Options = {"require": required, **LEFT_TO_US}
                return jwt.decode(token, key, algorithms=[ALGORITHM], audience=audience, issuer=ISSUER, options=options)
            claims = _own_claims(token, key)
        except (jwt.PyJWTError, msgspec.MsgspecError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise _invalid() from error
        if claims.get("iss") != ISSUER or claims.get("aud") != audience or not claims.keys() >= set(required):
            raise _invalid()
        return claims


def _own_claims(token: str, key: str) -> dict[str, Any]:
    """What PyJWT would find in a token with the very header that we write, at an eighth of its cost."""
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(hmac.digest(key.encode(), signed.encode("ascii"), "sha256"), _unpacked(signature)):
        raise ValueError("another signature")
    return msgspec.json.decode(_unpacked(signed.partition(".")[2]), type=dict[str, Any])


def _unpacked(segment: str) -> bytes:
    return base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)


def _unexpired(caller: Caller) -> Caller:
    assert caller.expires_at is not None  # every access token ends
    if clock.now().timestamp() >= caller.expires_at:
        raise Unauthenticated("token_expired", "the access token has expired; refresh it")
    return caller


def _key_id(secret: str) -> str:
    return hashlib.sha256(b"parley key id " + secret.encode()).hexdigest()[:8]


def _invalid() -> Unauthenticated:
    return Unauthenticated("token_invalid", "the access token is not valid; sign in again")
