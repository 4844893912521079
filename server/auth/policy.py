"""Who is calling, and the rules about people that need no waiting. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from server.auth.constants import Role
from server.errors import Forbidden

_RANK = {Role.USER: 0, Role.OPERATOR: 1, Role.ADMIN: 2}


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in person or machine, as every room sees them; `expires_at` in Unix seconds, None for never."""

    user: UUID
    name: str
    role: Role
    expires_at: float | None

    def at_least(self, role: Role) -> Caller:
        """Itself; raises Forbidden below that role."""
        if _RANK[self.role] < _RANK[role]:
            raise Forbidden("role_needed", f"this needs the role {role}")
        return self


def normalised_email(email: str) -> str:
    """The form under which an e-mail is kept and found."""
    return email.strip().lower()
