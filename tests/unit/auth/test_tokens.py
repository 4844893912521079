"""Access tokens: whom they speak for, and every way in which one may be wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from server import clock, ids
from server.auth import tokens as room
from server.auth.constants import TOKEN_CHARACTERS, Role
from server.auth.tokens import Lifetimes, Tokens
from server.errors import Unauthenticated

pytestmark = pytest.mark.unit

OLD = "the first secret, long enough for every algorithm that a forger may choose"
NEW = "the second secret, long enough for every algorithm that a forger may choose"
USER, SESSION = ids.new(), ids.new()


def issued(tokens: Tokens, name: str = "Ada") -> str:
    return tokens.issue(USER, name, Role.OPERATOR, SESSION)


def refused(tokens: Tokens, token: str) -> str:
    with pytest.raises(Unauthenticated) as error:
        tokens.verify(token)
    return error.value.code


def resigned(token: str, changes: Mapping[str, object], secret: str = OLD, algorithm: str = "HS256") -> str:
    """The same token with other claims; None takes one away."""
    claims = jwt.decode(token, options={"verify_signature": False}) | dict(changes)
    kept = {name: value for name, value in claims.items() if value is not None}
    header = jwt.get_unverified_header(token)
    return jwt.encode(kept, secret, algorithm, headers={"kid": header["kid"]})


def test_a_token_speaks_for_the_one_it_was_issued_to() -> None:
    tokens = Tokens([OLD], Lifetimes(access_seconds=60))
    caller = tokens.verify(issued(tokens, "Zoë 🦊"))
    assert (caller.user, caller.name, caller.role, caller.session) == (USER, "Zoë 🦊", Role.OPERATOR, SESSION)
    assert caller.expires_at == pytest.approx(clock.now().timestamp() + 60, abs=5)


def test_a_token_expires_also_when_it_was_verified_before(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens([OLD], Lifetimes(access_seconds=60))
    seen, unseen = issued(tokens), issued(tokens)
    tokens.verify(seen)
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(seconds=61))
    assert refused(tokens, seen) == refused(tokens, seen) == refused(tokens, unseen) == "token_expired"


def test_a_neighbour_whose_clock_is_behind_accepts_what_was_just_issued(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens([OLD], Lifetimes())
    token = issued(tokens)
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) - timedelta(seconds=30))
    assert tokens.verify(token).user == USER


def test_the_first_secret_signs_and_any_verifies() -> None:
    before, rotating, after = Tokens([OLD], Lifetimes()), Tokens([NEW, OLD], Lifetimes()), Tokens([NEW], Lifetimes())
    assert rotating.verify(issued(before)).user == USER
    assert after.verify(issued(rotating)).user == USER
    assert refused(before, issued(rotating)) == refused(after, issued(before)) == "token_invalid"


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "iat", "sub", "jti", "name", "role", "sid"])
def test_every_claim_is_needed(claim: str) -> None:
    tokens = Tokens([OLD], Lifetimes())
    assert refused(tokens, resigned(issued(tokens), {claim: None})) == "token_invalid"


@pytest.mark.parametrize(
    "changes", [{"iss": "else"}, {"aud": "else"}, {"sub": "me"}, {"role": "king"}, {"sid": "1"}, {"exp": "soon"}]
)
def test_a_claim_that_means_something_else_is_refused(changes: dict[str, str]) -> None:
    tokens = Tokens([OLD], Lifetimes())
    assert refused(tokens, resigned(issued(tokens), changes)) == "token_invalid"


def test_another_secret_another_algorithm_or_none_is_refused() -> None:
    tokens = Tokens([OLD], Lifetimes())
    token = issued(tokens)
    header, claims, signature = token.split(".")
    unsigned = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "x"}).encode()).decode().rstrip("=")
    for forged in (
        resigned(token, {}, secret=NEW),
        resigned(token, {}, secret=OLD + OLD, algorithm="HS512"),
        resigned(token, {}, algorithm="HS384"),
        f"{unsigned}.{claims}.",
        f"{header}.{claims}.",
        f"{header}.{claims[:-2]}.{signature}",
        jwt.encode({"sub": str(USER)}, OLD),
        token + "x" * TOKEN_CHARACTERS,
        "\ud800",
        "a.b.c",
        "",
    ):
        assert refused(tokens, forged) == "token_invalid"


def test_the_longest_name_fits() -> None:
    tokens = Tokens([OLD], Lifetimes())
    token = issued(tokens, "🦊" * 80)
    assert len(token) < TOKEN_CHARACTERS
    assert tokens.verify(token).name == "🦊" * 80


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "REMEMBERED_TOKENS", 3)
    tokens = Tokens([OLD], Lifetimes())
    many = [issued(tokens) for _ in range(10)]
    assert all(tokens.verify(token).user == USER for token in many * 2)
    assert len(tokens._verified) == 3
