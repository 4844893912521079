"""Who looks after a support thread: the assistant, one operator, or nobody yet while it waits for a person."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, update

from server import clock
from server.auth.constants import Role
from server.auth.models import User
from server.auth.policy import Caller
from server.chat.announcer import Announcer
from server.chat.changes import record_thread
from server.chat.constants import Happening
from server.chat.models import Thread
from server.chat.service import Chat
from server.chat.standing import HANDLED, checked, is_operator
from server.database import Transaction
from server.errors import Conflict, Forbidden, Invalid, Missing


async def take(tx: Transaction, chat: Chat, caller: Caller, thread_id: UUID) -> None:
    """From now on the caller answers in this thread. Raises Conflict when another operator does."""
    thread = await _locked(tx, chat, caller, thread_id)
    if thread.handled_by not in (None, caller.user):
        raise Conflict("taken_already", "another operator looks after this thread; use `transfer` to change that")
    await _hand_to(tx, chat.announcer, thread, caller.user)


async def release(tx: Transaction, chat: Chat, caller: Caller, thread_id: UUID) -> None:
    """Give the thread back to the assistant; it answers what is asked there and not answered yet."""
    thread = await _locked(tx, chat, caller, thread_id)
    thread.active_at = clock.now()  # the assistant looks at what happened lately
    await _hand_to(tx, chat.announcer, thread, None)


async def transfer(tx: Transaction, chat: Chat, caller: Caller, thread_id: UUID, to: UUID) -> None:
    """Another operator answers from now on, whoever did before."""
    thread = await _locked(tx, chat, caller, thread_id)
    role = await tx.session.scalar(select(User.role).where(User.id == to))
    if role is None:
        raise Invalid("no_such_user", f"there is no user {to}")
    if not is_operator(Role(role)):
        raise Invalid("not_an_operator", "a support thread is handed on to an operator or an admin")
    await _hand_to(tx, chat.announcer, thread, to)


async def call_person(tx: Transaction, announcer: Announcer, thread_id: UUID) -> None:
    """A free thread waits for a person from now on, and the inbox is told; one that is looked after is left alone."""
    free = (Thread.id == thread_id, Thread.handled_by.is_(None), Thread.waiting_since.is_(None))
    changed = update(Thread).where(*free).values(waiting_since=clock.now()).returning(Thread.slug)
    row = (await tx.session.execute(changed)).one_or_none()
    if row is not None:
        tx.after_commit(lambda: announcer.changed(thread_id, row.slug))


async def _locked(tx: Transaction, chat: Chat, caller: Caller, thread_id: UUID) -> Thread:
    standing = checked(await chat.access.standing(caller, thread_id))
    if not standing.is_operator:
        raise Forbidden("operators_only", "only operators look after support threads")
    if standing.kind not in HANDLED:
        raise Conflict("kind_not_handled", f"a {standing.kind} thread is looked after by its members alone")
    thread = await tx.session.get(Thread, thread_id, with_for_update=True)
    if thread is None:
        raise Missing("no_such_thread", "there is no such thread, or it is not yours")
    return thread


async def _hand_to(tx: Transaction, announcer: Announcer, thread: Thread, user: UUID | None) -> None:
    thread.handled_by, thread.waiting_since = user, None
    thread_id, slug = thread.id, thread.slug
    await tx.session.flush()
    await record_thread(tx, Happening.ASSIGNED, thread_id)
    tx.after_commit(lambda: announcer.changed(thread_id, slug))
