"""What the auth room takes and gives over REST, as documented in OpenAPI."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from server.auth.constants import (
    EMAIL_CHARACTERS,
    LANGUAGE_CHARACTERS,
    NAME_CHARACTERS,
    PASSWORD_MAX_CHARACTERS,
    PASSWORD_MIN_CHARACTERS,
    Role,
)
from server.inputs import Input, Text, Written

TOKEN_DAYS_LIMIT = 3650
OPAQUE_CHARACTERS = 200
LANGUAGE_TAG = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"


def _printable(text: str) -> str:
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise ValueError("remove line breaks and other control characters")
    text = unicodedata.normalize("NFC", text.strip())
    if not text:
        raise ValueError("write at least one visible character")
    return text


def normal_email(text: str) -> str:
    """The one spelling under which an address is kept; raises ValueError for what is no address.

    A house of one's own may have names like `desk@parley.local`, so nothing is asked of the public DNS.
    """
    if len(text) > EMAIL_CHARACTERS:
        raise ValueError(f"an e-mail address has at most {EMAIL_CHARACTERS} characters")
    try:
        return validate_email(text, check_deliverability=False, globally_deliverable=False).normalized.lower()
    except EmailNotValidError as error:
        raise ValueError(f"write an e-mail address, as in ada@example.com ({str(error).rstrip('.')})") from error


Name = Annotated[Text, Field(max_length=NAME_CHARACTERS), AfterValidator(_printable)]
Email = Annotated[
    Text, Field(max_length=EMAIL_CHARACTERS, json_schema_extra={"format": "email"}), AfterValidator(normal_email)
]
NewPassword = Annotated[Text, Field(min_length=PASSWORD_MIN_CHARACTERS, max_length=PASSWORD_MAX_CHARACTERS)]
Password = Annotated[Text, Field(max_length=PASSWORD_MAX_CHARACTERS)]
Language = Annotated[
    Text, Field(max_length=LANGUAGE_CHARACTERS), Written(LANGUAGE_TAG, "write a language tag, as in en or pt-BR")
]
Opaque = Annotated[Text, Field(max_length=OPAQUE_CHARACTERS)]


class UserCreate(Input):
    """Someone who registers. Without a name they are called as their address is before the `@`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.com", "password": "correct horse", "name": "Ada"}]}
    )

    email: Email
    password: NewPassword
    name: Name | None = None


class UserLogin(Input):
    """Someone who signs in."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.com", "password": "correct horse"}]}
    )

    email: Email
    password: Password
    in_cookie: bool = Field(
        False,
        strict=True,
        description="For a page of this server: its refresh token goes into a cookie that no script can read.",
    )


class GuestVisit(Input):
    """Someone who comes in without an account."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Visitor from the shop"}, {}]})

    name: Name | None = None


class RefreshRequest(Input):
    """The refresh token of a session; it is good once. Left out, it is the one in the browser's cookie."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"refresh_token": "parley_refresh_AZpx…"}]})

    refresh_token: Opaque | None = None


class ProfileChange(Input):
    """What of oneself changes; what is left out stays. A new password needs the current one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Ada Lovelace", "language": "en-GB"}]})

    name: Name | None = None
    language: Language | None = None
    password: NewPassword | None = None
    current_password: Password | None = None


class UserChange(Input):
    """What an admin changes of a person; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "operator"}, {"is_banned": True}]})

    role: Role | None = None
    is_banned: bool | None = Field(None, strict=True)


class AccountEnd(Input):
    """One's own account is to be erased. A guest has no password and leaves it out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"current_password": "what you sign in with"}]})

    current_password: Password | None = None


class ErasureView(BaseModel):
    """The record of an erasure. Nothing in it says who the person was."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    user_id: UUID
    requested_by: UUID
    requested_at: datetime
    finished_at: datetime | None = Field(description="None while something of theirs may still be there.")
    messages: int = Field(description="Messages emptied or removed so far.")
    reactions: int = Field(description="Messages from which a reaction of theirs was taken so far.")
    threads: int = Field(description="Threads removed as a whole so far.")


class ErasurePage(BaseModel):
    """Erasures, the newest first; `next` is the cursor of the next page."""

    erasures: list[ErasureView]
    next: UUID | None


class TokenCreate(Input):
    """A personal access token to make. Its role is a ceiling, by default the caller's own role."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "nightly export", "role": "user", "expires_in_days": 90}]}
    )

    name: Name
    role: Role | None = None
    expires_in_days: int | None = Field(None, ge=1, le=TOKEN_DAYS_LIMIT, description="Left out: it does not expire.")


class UserResponse(BaseModel):
    """A person, as they see themselves."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str | None = Field(description="None for a guest.")
    name: str
    role: Role
    is_guest: bool
    language: str | None
    created_at: datetime


class PersonView(UserResponse):
    """A person, as an admin sees them."""

    banned_at: datetime | None


class PersonPage(BaseModel):
    """People, the newest first; `next` is the cursor of the next page."""

    users: list[PersonView]
    next: UUID | None


class PersonFilter(BaseModel):
    """Which people: those to whom all of it applies."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role | None = Field(None, description="Only people of this role.")
    is_guest: bool | None = Field(None, description="Only guests, or only those with an account.")
    is_banned: bool | None = Field(None, description="Only the banned, or only the others.")
    q: Text | None = Field(
        None, min_length=1, max_length=100, description="A part of the name or the e-mail address.", examples=["ada"]
    )
    limit: int = Field(50, ge=1, le=200, description="People on a page.")
    cursor: UUID | None = Field(None, description="`next` of the page before.")


class TokenResponse(BaseModel):
    """The keys of a session: send the access token as `Authorization: Bearer …`, keep the refresh token for later."""

    access_token: str
    token_type: Literal["bearer"] = Field("bearer")
    expires_in: int = Field(description="Seconds until the access token expires.")
    refresh_token: str | None = Field(
        description="Good once, at POST /auth/refresh; a second use ends the session. Null where a cookie has it."
    )
    user: UserResponse


class Done(BaseModel):
    """What was done, in words for people."""

    message: str


class AccessTokenView(BaseModel):
    """A personal access token, without the token."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    prefix: str = Field(description="How the token begins.")
    role: Role
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")


class AccessTokenCreated(AccessTokenView):
    """A new personal access token. `token` is shown now and never again."""

    token: str
