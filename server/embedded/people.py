"""People whom the command line lets in: the first operator, those named by hand, and keys for machines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import select

from server import ids
from server.auth.constants import Role
from server.auth.machines import create_token
from server.auth.models import User
from server.auth.passwords import Passwords
from server.auth.service import create_user, find_user
from server.database import Database, Transaction

FIRST_EMAIL = "operator@example.com"
PASSWORD_BYTES = 12


@dataclass(frozen=True, slots=True)
class Login:
    """What to type to sign in; the password is kept nowhere else."""

    email: str
    password: str


async def first_operator(url: str) -> Login | None:
    """An administrator with a password made up now; None when there is already somebody who may operate."""
    async with _transaction(url) as tx:
        query = select(User.id).where(User.role.in_([Role.OPERATOR, Role.ADMIN])).limit(1)
        if await tx.session.scalar(query) is not None:
            return None
        login = Login(FIRST_EMAIL, made_up_password())
        await _create(tx, login, "Operator", Role.ADMIN)
        return login


async def admit(url: str, login: Login, name: str | None, role: Role) -> None:
    """Somebody new. Raises Conflict when the e-mail is taken, Invalid when a part of it cannot be used."""
    async with _transaction(url) as tx:
        await _create(tx, login, name, role)


async def give_token(url: str, email: str, name: str, days: int | None) -> str:
    """A new personal access token of this person, shown this once. Raises Missing when there is no such person."""
    async with _transaction(url) as tx:
        user = await find_user(tx, email)
        _, word = await create_token(tx, user.id, name, expires_in_days=days)
        return word


def made_up_password() -> str:
    """Sixteen characters that nobody guesses and everybody can type."""
    return ids.secret(PASSWORD_BYTES)


async def _create(tx: Transaction, login: Login, name: str | None, role: Role) -> None:
    passwords = Passwords()
    try:
        await create_user(tx, passwords, login.email, login.password, name=name, role=role)
    finally:
        passwords.close()


@asynccontextmanager
async def _transaction(url: str) -> AsyncIterator[Transaction]:
    database = Database(url, connections=2)
    await database.open()
    try:
        async with database.transaction() as tx:
            yield tx
    finally:
        await database.close()
