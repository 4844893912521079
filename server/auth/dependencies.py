"""Who is calling, for every route of every room."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from server.auth.constants import Role
from server.auth.machine_tokens import Doorkeeper
from server.auth.policy import Caller
from server.auth.service import Auth
from server.errors import Unauthenticated

_bearer = HTTPBearer(auto_error=False, description="An access token, or a personal access token.")


async def current_user(
    request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """The caller; raises Unauthenticated without a good token."""
    if shown is None:
        raise Unauthenticated("token_missing", "send `Authorization: Bearer <access_token>`")
    doorkeeper: Doorkeeper = request.state.doorkeeper
    return await doorkeeper.sign_in(shown.credentials)


CurrentUser = Annotated[Caller, Depends(current_user)]


async def _operator(caller: CurrentUser) -> Caller:
    return caller.at_least(Role.OPERATOR)


async def _admin(caller: CurrentUser) -> Caller:
    return caller.at_least(Role.ADMIN)


Operator = Annotated[Caller, Depends(_operator)]
Admin = Annotated[Caller, Depends(_admin)]


def _auth(request: Request) -> Auth:
    auth: Auth = request.state.auth
    return auth


TheAuth = Annotated[Auth, Depends(_auth)]


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


Address = Annotated[str, Depends(_address)]
