"""What people and machines send to `/auth`, and what they get back, as OpenAPI tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, EmailStr, Field

from server.auth.constants import EMAIL_CHARACTERS, NAME_CHARACTERS, PASSWORD_LONGEST, PASSWORD_SHORTEST, Role


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("remove the NUL character")
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("this holds half of a surrogate pair; send whole characters")
    return text


def _visible(text: str) -> str:
    if not _storable(text).strip():
        raise ValueError("write at least one visible character")
    return text.strip()


Name = Annotated[str, Field(max_length=NAME_CHARACTERS), AfterValidator(_visible)]
Password = Annotated[str, Field(min_length=PASSWORD_SHORTEST, max_length=PASSWORD_LONGEST), AfterValidator(_storable)]
GivenPassword = Annotated[str, Field(max_length=PASSWORD_LONGEST), AfterValidator(_storable)]
Email = Annotated[EmailStr, Field(max_length=EMAIL_CHARACTERS)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")]


class Input(BaseModel):
    """A body that people send: unknown fields are refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid")


class UserCreate(Input):
    """Someone new."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.com", "password": "correct horse", "name": "Ada"}]}
    )

    email: Email
    password: Password
    name: Name


class Registered(BaseModel):
    """The same whether the e-mail was new or not: nobody learns from it who has an account."""

    message: str = "Welcome. Sign in with POST /auth/login; if you had an account, its password is unchanged."


class UserLogin(Input):
    """An e-mail and its password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.com", "password": "correct horse"}]}
    )

    email: Annotated[str, Field(max_length=EMAIL_CHARACTERS), AfterValidator(_storable)]
    password: GivenPassword


class GuestEntry(Input):
    """A visitor of a website, without a password."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Visitor"}]})

    name: Name = "Guest"


class RefreshRequest(Input):
    """The refresh token of the last answer; each is good once."""

    refresh_token: Annotated[str, Field(max_length=200), AfterValidator(_storable)]


class UserResponse(BaseModel):
    """A person as themselves and admins see them."""

    id: UUID
    email: str | None
    name: str
    role: Role
    language: str | None
    is_banned: bool
    created_at: datetime


class TokenResponse(BaseModel):
    """Send `access_token` as `Authorization: Bearer`; within `expires_in` seconds `refresh_token` gets the next."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105  the kind of a token, not a secret
    expires_in: int
    refresh_token: str
    user: UserResponse


class ProfileChange(Input):
    """What of oneself changes; what is left out stays. A new password needs the current one and ends other sign-ins."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Ada L.", "language": "en"}]})

    name: Name | None = None
    language: Language | None = None
    password: Password | None = None
    current_password: GivenPassword | None = None


class UserChange(Input):
    """What an admin may change of someone."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "operator"}]})

    role: Role | None = None
    banned: bool | None = None


class UserPage(BaseModel):
    """People, the newest first; `next` is the cursor of the next page."""

    users: list[UserResponse]
    next: UUID | None


class NewAccessToken(Input):
    """A personal access token for a machine; without `expires_at` it is good until it is revoked."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "nightly export"}]})

    name: Name
    expires_at: AwareDatetime | None = None


class AccessTokenView(BaseModel):
    """A personal access token; `hint` is its beginning."""

    id: UUID
    name: str
    hint: str
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


class AccessTokenOnce(AccessTokenView):
    """A new one: `token` is shown this once and kept nowhere."""

    token: str
