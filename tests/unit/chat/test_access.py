"""Who may do what in a thread, over every kind, role and membership."""

from __future__ import annotations

from uuid import uuid4

import pytest

from server.auth.constants import Role
from server.chat.constants import Capability, Kind
from server.chat.standing import Standing, checked, checked_for_managing, checked_for_posting
from server.errors import Forbidden, Missing

OPERATORS = (Role.OPERATOR, Role.ADMIN)
READ, POST, MANAGE = Capability

# kind, then what each may do: "r" read, "p" post, "m" manage; for a stranger, a reading, posting and managing member,
# and for an operator who is no member.
RIGHTS = [
    (Kind.SUPPORT, "", "r", "rp", "rp", "rpm"),
    (Kind.TELEGRAM, "", "r", "rp", "rp", "rpm"),
    (Kind.DIRECT, "", "r", "rp", "rp", ""),
    (Kind.GROUP, "", "r", "rp", "rpm", ""),
    (Kind.ROOM, "rp", "rp", "rp", "rp", "rpm"),
    (Kind.NOTES, "", "", "", "", "rpm"),
]
CASES = [
    (kind, role, capability, rights)
    for kind, stranger, reader, poster, manager, operator in RIGHTS
    for role, capability, rights in [
        (Role.USER, None, stranger),
        (Role.USER, READ, reader),
        (Role.USER, POST, poster),
        (Role.USER, MANAGE, manager),
        *((role, None, operator) for role in OPERATORS),
    ]
]


@pytest.mark.parametrize(("kind", "role", "capability", "rights"), CASES)
def test_rights_follow_kind_role_and_membership(
    kind: Kind, role: Role, capability: Capability | None, rights: str
) -> None:
    standing = Standing(uuid4(), kind, role, capability)
    found = [("r", standing.may_read), ("p", standing.may_post), ("m", standing.may_manage)]
    assert "".join(letter for letter, may in found if may) == rights


def test_an_operator_in_a_group_is_a_member_like_any_other() -> None:
    standing = Standing(uuid4(), Kind.GROUP, Role.OPERATOR, READ)
    assert standing.may_read
    assert not standing.may_post
    assert not standing.may_manage


def test_who_may_not_read_is_told_that_there_is_nothing() -> None:
    for refuse in (checked, checked_for_posting, checked_for_managing):
        with pytest.raises(Missing):
            refuse(None)
        with pytest.raises(Missing):
            refuse(Standing(uuid4(), Kind.GROUP, Role.ADMIN, None))


def test_who_reads_is_told_what_is_forbidden() -> None:
    reader = Standing(uuid4(), Kind.SUPPORT, Role.USER, READ)
    for refuse in (checked_for_posting, checked_for_managing):
        with pytest.raises(Forbidden):
            refuse(reader)
