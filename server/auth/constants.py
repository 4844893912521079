"""The words of people and their keys: roles, bounds and how often one may knock."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person may do in the whole house; each includes the ones before it."""

    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"


NAME_CHARACTERS = 100
EMAIL_CHARACTERS = 254
PASSWORD_SHORTEST = 8
PASSWORD_LONGEST = 128  # argon2 would take more; a stranger's megabyte is not for hashing
TOKEN_PREFIX = "parley_pat_"  # noqa: S105  a beginning, not a secret: so that a leaked one is recognised, by people and by scanners
TOKENS_LIMIT = 100  # personal access tokens of one person
ISSUER = "parley"
AUDIENCE = "parley"
ADDRESS_FACTOR = 10  # one address may knock so many times as often as one e-mail: offices share addresses
