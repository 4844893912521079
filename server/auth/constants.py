"""The words of the auth room: what a person may be here, and the bounds."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person is here; each may do what the ones before it may."""

    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, other: Role) -> bool:
        """Whether this role may do everything that the other may."""
        return _RANKS[self] >= _RANKS[other]


_RANKS = {role: rank for rank, role in enumerate(Role)}

GUEST_NAME = "Guest"
NAME_CHARACTERS = 80
EMAIL_CHARACTERS = 254  # what SMTP can carry
PASSWORD_MIN_CHARACTERS = 8
PASSWORD_MAX_CHARACTERS = 128
TOKEN_CHARACTERS = 2048  # an access token with the longest name stays below half of it
LANGUAGE_CHARACTERS = 35
AGENT_CHARACTERS = 200
SESSIONS_LIMIT = 50  # signed in at once; opening one more ends the oldest
ACCESS_TOKENS_LIMIT = 50
PAGE_LIMIT = 200
