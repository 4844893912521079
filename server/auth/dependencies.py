"""Who calls: what the routes of every room ask for. Reads the request, leaves the answer to the service."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.security import HTTPBearer

from server.auth import service
from server.auth.constants import Role
from server.auth.policy import Caller, check_role
from server.auth.service import Auth, Visitor
from server.errors import Unauthenticated

_bearer = HTTPBearer(
    auto_error=False, scheme_name="bearer", description="The access token of a session, or a personal access token."
)


async def _auth(request: Request) -> Auth:
    auth: Auth = request.state.auth
    return auth


async def _visitor(request: Request) -> Visitor:
    # Behind a proxy, uvicorn's `proxy_headers` puts the visitor's own address here.
    host = request.client.host if request.client else "local"
    return Visitor(host, request.headers.get("user-agent", ""))


TheAuth = Annotated[Auth, Depends(_auth)]
CurrentVisitor = Annotated[Visitor, Depends(_visitor)]


async def caller_of(request: Request) -> Caller:
    """Who calls; raises Unauthenticated. For a route that reads its request itself."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("token_missing", "send `Authorization: Bearer <token>`")
    return await service.sign_in(request.state.auth, token)


async def _caller(request: Request, _: Annotated[object, Depends(_bearer)]) -> Caller:
    return await caller_of(request)  # the bearer is asked for only to be documented


CurrentUser = Annotated[Caller, Depends(_caller)]


async def _operator(caller: CurrentUser) -> Caller:
    return check_role(caller, Role.OPERATOR)


async def _admin(caller: CurrentUser) -> Caller:
    return check_role(caller, Role.ADMIN)


CurrentOperator = Annotated[Caller, Depends(_operator)]
CurrentAdmin = Annotated[Caller, Depends(_admin)]


def unkept(response: Response) -> None:
    """Answers that hold keys are kept by nobody on the way."""
    response.headers["cache-control"] = "no-store"
