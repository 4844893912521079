"""People and their keys over REST. Reads, calls one verb, answers."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from server.auth import machines, service
from server.auth.dependencies import CurrentAdmin, CurrentUser, CurrentVisitor, TheAuth, unkept
from server.auth.schemas import (
    AccessTokenCreated,
    AccessTokenView,
    Done,
    GuestVisit,
    PersonFilter,
    PersonPage,
    PersonView,
    ProfileChange,
    RefreshRequest,
    TokenCreate,
    TokenResponse,
    UserChange,
    UserCreate,
    UserLogin,
    UserResponse,
)
from server.auth.service import SignedIn
from server.web import ALWAYS, SIGNED_IN, Tx, documented

router = APIRouter(prefix="/auth", tags=["people"], dependencies=[Depends(unkept)])

REGISTERED = "Registered, if the address had no account yet. Sign in with it and the password."
ALLOWED = {**SIGNED_IN, **documented(403)}


@router.post("/register", status_code=201, responses=ALWAYS)
async def register(body: UserCreate, auth: TheAuth, visitor: CurrentVisitor) -> Done:
    """Make an account. The answer is the same whether or not the address has one; then nothing changes."""
    await service.register(auth, visitor, body)
    return Done(message=REGISTERED)


@router.post("/login", responses=SIGNED_IN)
async def login(body: UserLogin, auth: TheAuth, visitor: CurrentVisitor) -> TokenResponse:
    """Sign in with e-mail and password."""
    return _keys(await service.login(auth, visitor, body))


@router.post("/guest", status_code=201, responses=ALWAYS)
async def guest(body: GuestVisit, auth: TheAuth, visitor: CurrentVisitor) -> TokenResponse:
    """Come in without an account: a visitor of a website."""
    return _keys(await service.visit(auth, visitor, body.name))


@router.post("/refresh", responses=SIGNED_IN)
async def refresh(body: RefreshRequest, auth: TheAuth) -> TokenResponse:
    """Change a refresh token for a new pair. Each is good once: a second use ends the session for everyone."""
    return _keys(await service.refresh(auth, body.refresh_token))


@router.post("/logout", status_code=204, responses=SIGNED_IN)
async def logout(body: RefreshRequest, auth: TheAuth) -> None:
    """End the session; its access tokens stop working within seconds."""
    await service.logout(auth, body.refresh_token)


@router.get("/me", responses=SIGNED_IN)
async def me(caller: CurrentUser, tx: Tx) -> UserResponse:
    """Who is signed in."""
    return UserResponse.model_validate(await service.person(tx, caller.user))


@router.patch("/me", responses={**ALLOWED, **documented(409)})
async def change_me(body: ProfileChange, caller: CurrentUser, auth: TheAuth, visitor: CurrentVisitor) -> UserResponse:
    """Change the own name, language or password. A new password signs out everywhere else."""
    return UserResponse.model_validate(await service.change_me(auth, visitor, caller, body))


@router.get("/users", responses=ALLOWED)
async def users(_: CurrentAdmin, tx: Tx, wanted: Annotated[PersonFilter, Query()]) -> PersonPage:
    """People, the newest first; for admins."""
    found = [PersonView.model_validate(user) for user in await service.people(tx, wanted)]
    return PersonPage(users=found, next=found[-1].id if len(found) == wanted.limit else None)


@router.patch("/users/{user_id}", responses={**ALLOWED, **documented(404, 409)})
async def change_user(user_id: UUID, body: UserChange, caller: CurrentAdmin, tx: Tx, auth: TheAuth) -> PersonView:
    """Give someone a role, ban them or let them back; for admins, and not for oneself."""
    return PersonView.model_validate(await service.change_user(tx, auth.revocations, caller, user_id, body))


@router.get("/tokens", responses=SIGNED_IN)
async def tokens(caller: CurrentUser, tx: Tx) -> list[AccessTokenView]:
    """The caller's personal access tokens, the newest first."""
    return [AccessTokenView.model_validate(token) for token in await machines.tokens_of(tx, caller.user)]


@router.post("/tokens", status_code=201, responses={**ALLOWED, **documented(409)})
async def create_token(body: TokenCreate, caller: CurrentUser, tx: Tx) -> AccessTokenCreated:
    """Make a personal access token for a machine. It is shown in this answer and never again."""
    token, word = await service.create_own_token(tx, caller, body)
    return AccessTokenCreated(**AccessTokenView.model_validate(token).model_dump(), token=word)


@router.delete("/tokens/{token_id}", status_code=204, responses={**ALLOWED, **documented(404)})
async def revoke_token(token_id: UUID, caller: CurrentUser, tx: Tx) -> None:
    """Revoke a personal access token."""
    await service.revoke_own_token(tx, caller, token_id)


def _keys(signed_in: SignedIn) -> TokenResponse:
    return TokenResponse(
        access_token=signed_in.access,
        expires_in=signed_in.access_seconds,
        refresh_token=signed_in.refresh,
        user=UserResponse.model_validate(signed_in.user),
    )
