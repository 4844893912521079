"""People and their keys over REST. Reads, calls one verb, answers."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response

from server.auth import machine_tokens, service
from server.auth.constants import Role
from server.auth.dependencies import Address, Admin, CurrentUser, TheAuth
from server.auth.models import AccessToken, User
from server.auth.schemas import (
    AccessTokenOnce,
    AccessTokenView,
    GuestEntry,
    NewAccessToken,
    ProfileChange,
    RefreshRequest,
    Registered,
    TokenResponse,
    UserChange,
    UserCreate,
    UserLogin,
    UserPage,
    UserResponse,
)
from server.auth.service import Auth, Signed
from server.errors import Conflict
from server.web import ALWAYS, SIGNED_IN, Tx, documented

router = APIRouter(prefix="/auth", tags=["people"])

KNOCKED = {**ALWAYS, **documented(401)}
ADMINS = {**SIGNED_IN, **documented(403)}
Agent = Annotated[str, Header(alias="user-agent", include_in_schema=False)]


def user_view(user: User) -> UserResponse:
    """A person as themselves and admins see them."""
    return UserResponse(
        id=user.id,
        email=user.email,
        name=user.name,
        role=Role(user.role),
        language=user.language,
        is_banned=user.banned_at is not None,
        created_at=user.created_at,
    )


def _keys(auth: Auth, signed: Signed, response: Response) -> TokenResponse:
    response.headers["cache-control"] = "no-store"
    return TokenResponse(
        access_token=signed.access_token,
        expires_in=auth.tokens.access_seconds,
        refresh_token=signed.refresh_token,
        user=user_view(signed.user),
    )


@router.post("/register", status_code=201, responses=ALWAYS)
async def register(body: UserCreate, auth: TheAuth, address: Address) -> Registered:
    """Make an account. The answer is the same, and takes as long, when the e-mail has one already."""
    await service.knock(auth, "register", address, body.email)
    try:
        async with auth.database.transaction() as tx:
            await service.create_user(tx, auth.passwords, body.email, body.password, name=body.name)
    except Conflict:
        return Registered()
    return Registered()


@router.post("/login", responses=KNOCKED)
async def login(
    body: UserLogin, auth: TheAuth, address: Address, response: Response, agent: Agent = ""
) -> TokenResponse:
    """Sign in with an e-mail and a password."""
    await service.knock(auth, "login", address, body.email)
    return _keys(auth, await service.login(auth, body.email, body.password, agent), response)


@router.post("/guest", status_code=201, responses=ALWAYS)
async def guest(
    body: GuestEntry, auth: TheAuth, tx: Tx, address: Address, response: Response, agent: Agent = ""
) -> TokenResponse:
    """Come in as a visitor, without a password."""
    await service.knock(auth, "guest", address)
    return _keys(auth, await service.enter_as_guest(tx, auth, body.name, agent), response)


@router.post("/refresh", responses=KNOCKED)
async def refresh(body: RefreshRequest, auth: TheAuth, response: Response) -> TokenResponse:
    """New keys for a refresh token; each is good once, and an old one shown again ends the sign-in."""
    return _keys(auth, await service.refresh(auth, body.refresh_token), response)


@router.post("/logout", status_code=204, responses=ALWAYS)
async def logout(body: RefreshRequest, tx: Tx) -> None:
    """End the sign-in of a refresh token."""
    await service.logout(tx, body.refresh_token)


@router.get("/me", responses=SIGNED_IN)
async def me(caller: CurrentUser, tx: Tx) -> UserResponse:
    """Who I am."""
    return user_view(await service.profile(tx, caller))


@router.patch("/me", responses=SIGNED_IN)
async def change_me(body: ProfileChange, caller: CurrentUser, auth: TheAuth, tx: Tx) -> UserResponse:
    """Change my name, language or password."""
    user = await service.change_profile(tx, caller, name=body.name, language=body.language)
    if body.password is not None:
        user = await service.change_password(tx, auth, caller, body.password, body.current_password)
    return user_view(user)


@router.get("/users", responses=ADMINS)
async def users(
    _: Admin,
    tx: Tx,
    role: Role | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: UUID | None = None,
) -> UserPage:
    """Everybody, the newest first, for admins."""
    found = await service.people(tx, role=role, limit=limit, before=cursor)
    following = found[-1].id if len(found) == limit else None
    return UserPage(users=[user_view(user) for user in found], next=following)


@router.patch("/users/{user_id}", responses={**ADMINS, **documented(404, 409)})
async def change_user(user_id: UUID, body: UserChange, caller: Admin, auth: TheAuth, tx: Tx) -> UserResponse:
    """Give a role, ban or readmit someone; true everywhere within two seconds."""
    return user_view(await service.change_user(tx, auth, caller, user_id, role=body.role, banned=body.banned))


def _token_fields(token: AccessToken) -> dict[str, object]:
    return AccessTokenView.model_validate(token, from_attributes=True).model_dump()


@router.get("/tokens", responses=SIGNED_IN)
async def tokens(caller: CurrentUser, tx: Tx) -> list[AccessTokenView]:
    """My personal access tokens, without their secrets."""
    found = await machine_tokens.tokens_of(tx, caller)
    return [AccessTokenView.model_validate(token, from_attributes=True) for token in found]


@router.post("/tokens", status_code=201, responses={**SIGNED_IN, **documented(409)})
async def create_token(body: NewAccessToken, caller: CurrentUser, tx: Tx, response: Response) -> AccessTokenOnce:
    """Make a personal access token for a machine. Its secret is shown this once."""
    response.headers["cache-control"] = "no-store"
    token, secret = await machine_tokens.create_token(tx, caller.user, body.name, expires_at=body.expires_at)
    return AccessTokenOnce.model_validate({**_token_fields(token), "token": secret})


@router.delete("/tokens/{token_id}", status_code=204, responses={**SIGNED_IN, **documented(404)})
async def revoke_token(token_id: UUID, caller: CurrentUser, tx: Tx) -> None:
    """Revoke one of my personal access tokens; refused everywhere within two seconds."""
    await machine_tokens.revoke_token(tx, caller, token_id)
