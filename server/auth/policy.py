"""Who speaks, and what their role allows. Decides without waiting; knows no token and no table."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from server.auth.constants import Role
from server.errors import Conflict, Forbidden, Unauthenticated


@dataclass(frozen=True, slots=True)
class Caller:
    """The person behind a request or a socket: of a session, or of a personal access token (`machine`).

    Such a token has a `ceiling`: whatever its owner becomes, it acts for no higher role.
    """

    user: UUID
    name: str
    role: Role
    expires_at: float | None
    session: UUID | None = None
    machine: UUID | None = None
    ceiling: Role | None = None

    def with_role(self, role: Role) -> Role:
        """What they may act as, now that the person has this role."""
        return role if self.ceiling is None or self.ceiling.covers(role) else self.ceiling


def check_role(caller: Caller, needed: Role) -> Caller:
    """The caller again; raises Forbidden for one whose role does not cover the needed one."""
    if not caller.role.covers(needed):
        raise Forbidden("role_needed", f"this needs the role {needed}")
    return caller


def check_session(caller: Caller) -> UUID:
    """The session of a caller who signed in; a personal access token may not change its owner's keys."""
    if caller.session is None:
        raise Forbidden("session_needed", "sign in for this; a personal access token may not change keys")
    return caller.session


def check_other(caller: Caller, user: UUID) -> None:
    """Nobody changes their own role or ban: so the last admin stays one."""
    if caller.user == user:
        raise Conflict("own_account", "another admin has to change your role or ban")


def banned() -> Unauthenticated:
    """The one way to say so, at sign-in and later."""
    return Unauthenticated("account_banned", "this account was banned; ask an administrator")
