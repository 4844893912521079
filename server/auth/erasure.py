"""Erasing a person: the account ends in one transaction, and what the rooms above hold of them is removed afterwards.

The row in `erasures` is the truth: until it is finished, whoever sweeps goes on where another stopped.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, func, select, text

from server.auth import service
from server.auth.constants import Role
from server.auth.models import AccessToken, Erasure, Session, User
from server.auth.policy import Caller, check_other
from server.auth.revocations import Revocations
from server.auth.service import Auth, Visitor
from server.database import Database, Transaction
from server.errors import Conflict, Missing

# Until then something that they said before may still be written: a server knows of the end after 2 s, and a message
# waits 15 s at most. So all is looked at once more after this.
SETTLE_SECONDS = 20
LEASE_SECONDS = 10  # who is killed is replaced after this

CLAIM = f"""
UPDATE erasures SET due_at = now() + interval '{LEASE_SECONDS} seconds' WHERE id = (
  SELECT id FROM erasures WHERE finished_at IS NULL AND due_at <= now()
  ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, user_id, requested_at < now() - interval '{SETTLE_SECONDS} seconds'
"""
COUNT = text(f"""
UPDATE erasures SET messages = messages + :messages, reactions = reactions + :reactions, threads = threads + :threads,
       due_at = now() + interval '{LEASE_SECONDS} seconds' WHERE id = :id
""")
COME_BACK = f"UPDATE erasures SET due_at = requested_at + interval '{SETTLE_SECONDS + 1} seconds' WHERE id = $1"
FINISH = text("UPDATE erasures SET finished_at = clock_timestamp() WHERE id = :id AND finished_at IS NULL")


@dataclass(frozen=True, slots=True)
class Order:
    """Whom to erase; `count` belongs into the transaction of what it counts, and keeps others away meanwhile."""

    id: UUID
    user: UUID

    async def count(self, tx: Transaction, *, messages: int = 0, reactions: int = 0, threads: int = 0) -> None:
        """So many more are gone, when this transaction is committed."""
        values = {"id": self.id, "messages": messages, "reactions": reactions, "threads": threads}
        await tx.session.execute(COUNT, values)


# What a room does: remove all that it holds of the person, in steps, holding nothing between two of them. It may be
# broken off after any step, begun anew, and carried out by several at once; what is gone already costs it little.
Room = Callable[[Order], AsyncGenerator[int, None]]


async def erase_me(auth: Auth, visitor: Visitor, caller: Caller, password: str | None) -> Erasure:
    """Erase the caller, who gives the password once more; raises Forbidden or Conflict."""
    kept = await service.confirm(auth, visitor, caller, password)
    async with auth.database.transaction() as tx:
        return await _end(tx, auth.revocations, caller.user, by=caller.user, kept=kept)


async def erase_user(tx: Transaction, revocations: Revocations, caller: Caller, user_id: UUID) -> Erasure:
    """Erase somebody else."""
    check_other(caller, user_id)
    return await _end(tx, revocations, user_id, by=caller.user)


async def _end(
    tx: Transaction, revocations: Revocations, user_id: UUID, *, by: UUID, kept: str | None = None
) -> Erasure:
    """The account and its keys are gone with this transaction; the row stays, empty, while the rooms need it."""
    # All of them, in one order: of two admins who go at once, the second sees that the first has gone.
    admins = select(User.id).where(User.role == Role.ADMIN, User.banned_at.is_(None)).order_by(User.id)
    living = (await tx.session.scalars(admins.with_for_update(key_share=True))).all()
    if list(living) == [user_id]:
        raise Conflict("last_admin", "make somebody else an admin first; nobody else here is one")
    user = await tx.session.get(User, user_id, with_for_update={"key_share": True}, populate_existing=True)
    if user is None or user.erased_at is not None:
        raise Missing("no_such_user", "there is no such user")
    if by == user_id and user.password_hash != kept:
        raise Conflict("password_changed", "the password was changed meanwhile")
    user.email = user.password_hash = user.language = None
    user.name, user.role, user.banned_at = "", Role.USER, func.now()
    user.erased_at = user.changed_at = func.clock_timestamp()
    for keys in (Session, AccessToken):
        await tx.session.execute(
            delete(keys).where(keys.user_id == user_id).execution_options(synchronize_session=False)
        )
    erasure = Erasure(user_id=user_id, requested_by=by)
    tx.session.add(erasure)
    await tx.session.flush()
    await tx.session.refresh(erasure)
    tx.after_commit(revocations.refresh)
    return erasure


async def erasures(tx: Transaction, limit: int, cursor: UUID | None) -> Sequence[Erasure]:
    """A page of the records, the newest first."""
    query = select(Erasure).order_by(Erasure.id.desc()).limit(limit)
    return (await tx.session.scalars(query if cursor is None else query.where(Erasure.id < cursor))).all()


async def go_on(database: Database, rooms: Sequence[Room]) -> AsyncGenerator[int, None]:
    """Carry out what is due: each room in turn, and the empty row of the account at the very end."""
    while True:
        async with database.connection() as connection:
            claimed = await connection.fetchrow(CLAIM)
        if claimed is None:
            return
        order, is_settled = Order(claimed[0], claimed[1]), claimed[2]
        for room in rooms:
            async for count in room(order):
                yield count
        if is_settled:
            async with database.transaction() as tx:
                await tx.session.execute(delete(User).where(User.id == order.user))
                await tx.session.execute(FINISH, {"id": order.id})
        else:
            async with database.connection() as connection:
                await connection.execute(COME_BACK, order.id)
        yield 1
