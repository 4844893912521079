"""Random words that are kept only as hashes: refresh tokens and personal access tokens. Knows no table."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass, replace
from uuid import UUID

from server import ids
from server.errors import Unauthenticated

REFRESH_PREFIX = "parley_refresh_"
ACCESS_PREFIX = "parley_pat_"
SHOWN_CHARACTERS = len(ACCESS_PREFIX) + 4  # enough to find a token again in a list, too little to guess the rest

_ID_BYTES, _FAMILY_BYTES, _TURN_BYTES = 16, 16, 25  # 57 bytes: base64 needs no padding


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A session's id, the secret that all tokens of the session share, and the secret of this turn."""

    session: UUID
    family: bytes
    turn: bytes

    @classmethod
    def new(cls) -> RefreshToken:
        """The first token of a new session."""
        return cls(ids.new(), os.urandom(_FAMILY_BYTES), os.urandom(_TURN_BYTES))

    @classmethod
    def parse(cls, word: str) -> RefreshToken:
        """Read what `word` wrote; raises Unauthenticated for anything else."""
        try:
            if not word.startswith(REFRESH_PREFIX):
                raise ValueError
            raw = base64.b64decode(word[len(REFRESH_PREFIX) :], altchars=b"-_", validate=True)
            if len(raw) != _ID_BYTES + _FAMILY_BYTES + _TURN_BYTES:
                raise ValueError
        except (binascii.Error, ValueError) as error:
            raise Unauthenticated("token_invalid", "this is not a refresh token; sign in again") from error
        rest = raw[_ID_BYTES:]
        return cls(UUID(bytes=raw[:_ID_BYTES]), rest[:_FAMILY_BYTES], rest[_FAMILY_BYTES:])

    def next(self, secret: str) -> RefreshToken:
        """The token of the next turn: always the same one, which nobody can find without our secret."""
        turn = hmac.digest(secret.encode(), self.session.bytes + self.family + self.turn, "sha256")
        return replace(self, turn=turn[:_TURN_BYTES])

    @property
    def word(self) -> str:
        """As the client keeps it."""
        return REFRESH_PREFIX + base64.urlsafe_b64encode(self.session.bytes + self.family + self.turn).decode()


def new_access_token() -> str:
    """A personal access token as its owner sees it, once."""
    return ACCESS_PREFIX + ids.secret()


def digest(secret: bytes | str) -> bytes:
    """What is kept of a secret. They are random and long, so one SHA-256 is enough."""
    return hashlib.sha256(secret.encode() if isinstance(secret, str) else secret).digest()


def matches(secret: bytes, kept: bytes) -> bool:
    """Whether this is the secret of which the hash was kept, in constant time."""
    return hmac.compare_digest(digest(secret), kept)
