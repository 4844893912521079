"""People and their keys over REST. Reads, calls one verb, answers."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from server.auth import cookies, erasure, machines, service
from server.auth.dependencies import CurrentAdmin, CurrentUser, CurrentVisitor, TheAuth, unkept
from server.auth.schemas import (
    AccessTokenCreated,
    AccessTokenView,
    AccountEnd,
    Done,
    ErasurePage,
    ErasureView,
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
from server.auth.service import Auth, SignedIn
from server.codes import ALWAYS, ATTEMPTED, HASHED, SIGNED_IN, documented
from server.web import Tx

router = APIRouter(prefix="/auth", tags=["people"], dependencies=[Depends(unkept)])

REGISTERED = "Registered, if the address had no account yet. Sign in with it and the password."
KEYS = {"token_invalid": 401, "token_expired": 401}
ADMINS = {**SIGNED_IN, "role_needed": 403}
OWN_KEYS = {**SIGNED_IN, "session_needed": 403}

PersonId = Annotated[UUID, Path(description="The person's `id`.")]
TokenId = Annotated[UUID, Path(description="The `id` of the personal access token.")]


@router.post("/register", status_code=201, summary="Make an account", responses=documented(ALWAYS, HASHED))
async def register(body: UserCreate, auth: TheAuth, visitor: CurrentVisitor) -> Done:
    """Make an account. The answer is the same whether or not the address has one; then nothing changes."""
    await service.register(auth, visitor, body)
    return Done(message=REGISTERED)


@router.post(
    "/login",
    summary="Sign in",
    responses=documented(ALWAYS, HASHED, wrong_credentials=401, account_banned=401),
)
async def login(
    body: UserLogin, auth: TheAuth, visitor: CurrentVisitor, request: Request, response: Response
) -> TokenResponse:
    """Sign in with e-mail and password."""
    signed_in = await service.login(auth, visitor, body)
    return _keys_in_cookie(signed_in, auth, request, response) if body.in_cookie else _keys(signed_in)


@router.post("/guest", status_code=201, summary="Come in as a guest", responses=documented(ALWAYS, ATTEMPTED))
async def guest(body: GuestVisit, auth: TheAuth, visitor: CurrentVisitor) -> TokenResponse:
    """Come in without an account: a visitor of a website."""
    return _keys(await service.visit(auth, visitor, body.name))


@router.post("/refresh", summary="Renew the keys of a session", responses=documented(ALWAYS, KEYS, token_reused=401))
async def refresh(body: RefreshRequest, auth: TheAuth, request: Request, response: Response) -> TokenResponse:
    """Change a refresh token for a new pair. Each is good once: a second use ends the session for everyone."""
    if body.refresh_token is not None:
        return _keys(await service.refresh(auth, body.refresh_token))
    return _keys_in_cookie(await service.refresh(auth, cookies.kept(request)), auth, request, response)


@router.post("/logout", status_code=204, summary="Sign out", responses=documented(ALWAYS, token_invalid=401))
async def logout(body: RefreshRequest, auth: TheAuth, request: Request, response: Response) -> None:
    """End the session; its access tokens stop working within seconds."""
    if body.refresh_token is not None:
        await service.logout(auth, body.refresh_token)
    else:
        await service.logout(auth, cookies.kept(request))
        cookies.forget(response)


@router.get("/me", summary="Who am I", responses=documented(SIGNED_IN))
async def me(caller: CurrentUser, tx: Tx) -> UserResponse:
    """Who is signed in."""
    return UserResponse.model_validate(await service.person(tx, caller.user))


@router.patch(
    "/me",
    summary="Change my name, language or password",
    responses=documented(OWN_KEYS, HASHED, wrong_password=403, password_changed=409),
)
async def change_me(body: ProfileChange, caller: CurrentUser, auth: TheAuth, visitor: CurrentVisitor) -> UserResponse:
    """Change the own name, language or password. A new password signs out everywhere else."""
    return UserResponse.model_validate(await service.change_me(auth, visitor, caller, body))


@router.delete(
    "/me",
    status_code=202,
    summary="Erase me",
    responses=documented(OWN_KEYS, HASHED, wrong_password=403, password_changed=409, last_admin=409, no_such_user=404),
)
async def erase_me(body: AccountEnd, caller: CurrentUser, auth: TheAuth, visitor: CurrentVisitor) -> ErasureView:
    """End the own account at once, and erase what was written with it. Nothing brings it back."""
    return ErasureView.model_validate(await erasure.erase_me(auth, visitor, caller, body.current_password))


@router.get("/users", summary="List people", responses=documented(ADMINS))
async def users(_: CurrentAdmin, tx: Tx, wanted: Annotated[PersonFilter, Query()]) -> PersonPage:
    """People, the newest first; for admins."""
    found = [PersonView.model_validate(user) for user in await service.people(tx, wanted)]
    return PersonPage(users=found, next=found[-1].id if len(found) == wanted.limit else None)


@router.patch(
    "/users/{user_id}",
    summary="Give a role, ban or unban",
    responses=documented(ADMINS, no_such_user=404, own_account=409),
)
async def change_user(user_id: PersonId, body: UserChange, caller: CurrentAdmin, tx: Tx, auth: TheAuth) -> PersonView:
    """Give someone a role, ban them or let them back; for admins, and not for oneself."""
    return PersonView.model_validate(await service.change_user(tx, auth.revocations, caller, user_id, body))


@router.delete(
    "/users/{user_id}",
    status_code=202,
    summary="Erase somebody",
    responses=documented(ADMINS, no_such_user=404, own_account=409, last_admin=409),
)
async def erase_user(user_id: PersonId, caller: CurrentAdmin, tx: Tx, auth: TheAuth) -> ErasureView:
    """End an account at once, and erase what was written with it; for admins, and not for oneself."""
    return ErasureView.model_validate(await erasure.erase_user(tx, auth.revocations, caller, user_id))


@router.get("/erasures", summary="List erasures", responses=documented(ADMINS))
async def erasures(
    _: CurrentAdmin,
    tx: Tx,
    limit: Annotated[int, Query(ge=1, le=200, description="Erasures on a page.")] = 50,
    cursor: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
) -> ErasurePage:
    """Who was erased, when and by whom, and how far it is; for admins."""
    found = [ErasureView.model_validate(one) for one in await erasure.erasures(tx, limit, cursor)]
    return ErasurePage(erasures=found, next=found[-1].id if len(found) == limit else None)


@router.get("/tokens", summary="List my access tokens", responses=documented(SIGNED_IN))
async def tokens(caller: CurrentUser, tx: Tx) -> list[AccessTokenView]:
    """The caller's personal access tokens, the newest first."""
    return [AccessTokenView.model_validate(token) for token in await machines.tokens_of(tx, caller.user)]


@router.post(
    "/tokens",
    status_code=201,
    summary="Make an access token",
    responses=documented(OWN_KEYS, role_needed=403, too_many_tokens=409),
)
async def create_token(body: TokenCreate, caller: CurrentUser, tx: Tx) -> AccessTokenCreated:
    """Make a personal access token for a machine. It is shown in this answer and never again."""
    token, word = await service.create_own_token(tx, caller, body)
    return AccessTokenCreated(**AccessTokenView.model_validate(token).model_dump(), token=word)


@router.delete(
    "/tokens/{token_id}",
    status_code=204,
    summary="Revoke an access token",
    responses=documented(OWN_KEYS, no_such_token=404),
)
async def revoke_token(token_id: TokenId, caller: CurrentUser, tx: Tx) -> None:
    """Revoke a personal access token."""
    await service.revoke_own_token(tx, caller, token_id)


def _keys_in_cookie(signed_in: SignedIn, auth: Auth, request: Request, response: Response) -> TokenResponse:
    cookies.keep(request, response, signed_in.refresh, auth.tokens.lifetimes.refresh_seconds)
    return _keys(signed_in).model_copy(update={"refresh_token": None})


def _keys(signed_in: SignedIn) -> TokenResponse:
    return TokenResponse(
        access_token=signed_in.access,
        expires_in=signed_in.access_seconds,
        refresh_token=signed_in.refresh,
        user=UserResponse.model_validate(signed_in.user),
    )
