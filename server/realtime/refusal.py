"""What each of the seven kinds of problem is called on the socket: an error, or the end of the connection."""

from __future__ import annotations

from server.errors import Conflict, Forbidden, Invalid, Limited, Missing, Problem, Unauthenticated, Unavailable
from server.realtime import protocol
from server.realtime.protocol import Close, Error

MESSAGE_CHARACTERS = 200  # the name of a field may be the client's own, and of any length
_ERRORS: dict[type[Problem], Error] = {
    Invalid: protocol.BAD_REQUEST,
    Forbidden: protocol.PERMISSION_DENIED,
    Missing: protocol.UNKNOWN_CHANNEL,
    Conflict: protocol.CONFLICT,
    Limited: protocol.TOO_MANY_REQUESTS,
    Unavailable: protocol.INTERNAL,
}
_BY_CODE: dict[str, Error] = {
    "token_expired": protocol.TOKEN_EXPIRED,
    "unknown_method": protocol.METHOD_NOT_FOUND,
    "presence_not_kept": protocol.NOT_AVAILABLE,
    "position_forgotten": protocol.UNRECOVERABLE,
}


def of(problem: Exception) -> Error | Close:
    """The answer to a command that failed; the message is the problem's public code, so that programs can tell.

    Where one field is at fault, its name and what would be right follow the code, after a colon.
    """
    if not isinstance(problem, Problem):
        return protocol.INTERNAL
    if isinstance(problem, Unauthenticated) and problem.code != "token_expired":
        return protocol.FORCED  # they were let in once, and may not be here any more
    error = _BY_CODE.get(problem.code) or _ERRORS.get(type(problem), protocol.INTERNAL)
    if problem.code == "invalid_input" and problem.faults:
        first = problem.faults[0]
        return Error(error.code, f"{problem.code}: {first.field}: {first.message}"[:MESSAGE_CHARACTERS])
    return Error(error.code, problem.code, error.temporary)


def of_join(problem: Exception) -> Error | Close:
    """The same where a token is to give leave: a bad one refuses the channel and leaves the connection alone."""
    if isinstance(problem, Unauthenticated) and problem.code == "token_invalid":
        return Error(protocol.PERMISSION_DENIED.code, problem.code)
    return of(problem)


def of_call(problem: Exception) -> Error | Close:
    """The same for a remote call, where what is missing is a thing and not a channel."""
    refused = of(problem)
    is_thing = isinstance(refused, Error) and refused.code == protocol.UNKNOWN_CHANNEL.code
    return Error(protocol.NO_SUCH_THING.code, refused.message) if is_thing and isinstance(refused, Error) else refused


def of_sign_in(problem: Exception) -> Error | Close:
    """The same for a first sign-in, where a bad token ends the matter and a blocked account is shown the door."""
    if isinstance(problem, Limited) and problem.code == "too_many_connections":
        return protocol.TOO_MANY_CONNECTIONS
    if isinstance(problem, Forbidden):
        return protocol.FORCED
    if isinstance(problem, Unauthenticated) and problem.code not in ("token_expired", "account_banned"):
        return protocol.INVALID_TOKEN
    return of(problem)


def of_refresh(problem: Exception) -> Error | Close:
    """The same for a refresh: an expired token closes the connection, and the client comes back with a new one."""
    is_expired = isinstance(problem, Unauthenticated) and problem.code == "token_expired"
    return protocol.EXPIRED if is_expired else of_sign_in(problem)
