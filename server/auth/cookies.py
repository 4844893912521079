"""The refresh token of a browser in a cookie that no script can read, and that goes to the doors of this room alone.

Other sites cannot use it: it is `SameSite=Strict`, and these doors take nothing but JSON, which a form cannot send.
"""

from __future__ import annotations

from fastapi import Request, Response

from server.errors import Unauthenticated

NAME = "parley_session"
PATH = "/auth"


def keep(request: Request, response: Response, word: str, lasting_seconds: int) -> None:
    """Give the browser its refresh token, in place of the one it may have had."""
    response.set_cookie(
        NAME,
        word,
        max_age=lasting_seconds,
        path=PATH,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def kept(request: Request) -> str:
    """The refresh token that the browser brought; raises Unauthenticated when there is none."""
    word = request.cookies.get(NAME)
    if not word:
        raise Unauthenticated("token_invalid", "there is no session in this browser: sign in, or write `refresh_token`")
    return word


def forget(response: Response) -> None:
    """The browser has no session any more."""
    response.delete_cookie(NAME, path=PATH, httponly=True, samesite="strict")
