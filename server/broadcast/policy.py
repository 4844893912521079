"""What may be done with a campaign in which state, and by whom. Pure."""

from __future__ import annotations

from server.auth.constants import Role
from server.broadcast.constants import Act, CampaignState
from server.errors import Conflict, Forbidden

S = CampaignState


ALLOWED: dict[Act, frozenset[CampaignState]] = {
    Act.CHANGE: frozenset({S.DRAFT, S.SCHEDULED}),
    Act.START: frozenset({S.DRAFT}),
    Act.PAUSE: frozenset({S.RUNNING}),
    Act.RESUME: frozenset({S.PAUSED}),
    Act.CANCEL: frozenset({S.SCHEDULED, S.RUNNING, S.PAUSED}),
    Act.EXTEND: frozenset({S.RUNNING, S.PAUSED}),
    Act.RETRY: frozenset({S.RUNNING, S.PAUSED, S.COMPLETED}),
    Act.DELETE: frozenset({S.DRAFT, S.SCHEDULED, S.COMPLETED, S.CANCELLED, S.FAILED}),
    Act.CLONE: frozenset(S),
    Act.TEST: frozenset(S),
    Act.PREVIEW: frozenset(S),
}


def allowed(state: CampaignState) -> list[Act]:
    """What may be done with a campaign in this state."""
    return [act for act, states in ALLOWED.items() if state in states]


def check(act: Act, state: CampaignState) -> None:
    """Raise Conflict for what the state forbids; it says what is allowed instead."""
    if state not in ALLOWED[act]:
        instead = ", ".join(f"`{each}`" for each in allowed(state))
        raise Conflict("not_in_this_state", f"a campaign that is {state} does not allow `{act}`; it allows {instead}")


def check_size(role: Role, count: int, confirmed: int | None, limit: int) -> None:
    """Operators start up to `limit` people; beyond that it takes an admin who has confirmed exactly so many.

    Whoever says a number means it, however small it is.
    """
    is_large = count > limit
    if is_large and not role.covers(Role.ADMIN):
        raise Forbidden("audience_too_large", f"this reaches {count} people: above {limit} an admin has to start it")
    if confirmed != count and (is_large or confirmed is not None):
        raise Conflict("count_not_confirmed", f"this reaches {count} people: start it with `confirm` {count}")
