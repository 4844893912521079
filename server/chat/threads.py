"""Threads and who belongs to them: open, find, list, change, members in and out, operators' notes."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from server import ids
from server.auth.models import User
from server.auth.policy import Caller
from server.chat.changes import record_thread
from server.chat.constants import MEMBERS_LIMIT, Capability, Happening, Kind, Status
from server.chat.models import Member, ReadMarker, Thread
from server.chat.service import Chat
from server.chat.standing import (
    VISIBLE_TO_MEMBERS,
    VISIBLE_TO_OPERATORS,
    Standing,
    checked,
    checked_for_managing,
    is_operator,
)
from server.chat.statements import message_json
from server.chat.text import bare_tags
from server.database import Transaction
from server.errors import Conflict, Fault, Forbidden, Invalid, Missing

THREADS = """
SELECT row_to_json(r)::text FROM (
  SELECT t.id, t.kind, t.subject, t.status, t.slug, t.attached_to, t.created_by, t.handled_by, t.waiting_since, t.tags,
         t.posted, t.top, t.epoch, t.active_at, t.created_at, m.capability, coalesce(k.number, 0) AS read_number,
         t.posted - greatest(k.number, t.cleared) AS unread,
         (SELECT CAST({last} AS json) FROM messages w
          WHERE w.thread_id = t.id ORDER BY w.number DESC LIMIT 1) AS last_message
  FROM threads t
  LEFT JOIN members m ON m.thread_id = t.id AND m.user_id = CAST(:me AS uuid)
  LEFT JOIN read_markers k ON k.thread_id = t.id AND k.user_id = CAST(:me AS uuid)
  WHERE {conditions}
  ORDER BY t.active_at DESC, t.id DESC LIMIT :limit
) r
"""


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member as others see them."""

    user_id: UUID
    name: str
    capability: Capability
    joined_at: datetime
    read_number: int


async def own(tx: Transaction, chat: Chat, caller: Caller) -> UUID:
    """The caller's own open conversation, made on first use; two first posts at once find the same one."""
    thread_id, is_new = await _find_or_make(tx, caller, Kind.SUPPORT, _own_slug(caller.user))
    if is_new:
        await chat.meet(tx, thread_id)
    return thread_id


def _own_slug(user_id: UUID) -> str:
    return f"own:{user_id}"


async def conversation_of(chat: Chat, caller: Caller, user_id: UUID | None) -> UUID:
    """A person's conversation with the house (the caller's own by default): the open one, else the last they opened."""
    query = """SELECT id FROM threads WHERE created_by = $1 AND kind = 'support'
               ORDER BY slug IS NULL, id DESC LIMIT 1"""
    async with chat.database.connection() as connection:
        found: UUID | None = await connection.fetchval(query, user_id or caller.user)
    if found is None and user_id is None:
        raise Missing("no_such_thread", "you have no conversation yet: name a `thread_id`, or send the first message")
    if found is None:
        raise Missing("no_such_thread", "there is no such thread, or it is not yours")
    return found


async def open_thread(
    tx: Transaction,
    chat: Chat,
    caller: Caller,
    kind: Kind,
    *,
    subject: str = "",
    name: str | None = None,
    members: list[UUID] | None = None,
    tags: list[str] | None = None,
) -> tuple[UUID, bool]:
    """Open a thread, or find the one there may be only one of; returns its id and whether it is new."""
    others = [user for user in dict.fromkeys(members or []) if user != caller.user]
    slug = _slug(caller, kind, name, others)
    await _check_people(tx.session, others)
    thread_id, is_new = await _find_or_make(tx, caller, kind, slug, subject=subject, tags=tags or [])
    if is_new:
        tx.session.add_all(Member(thread_id=thread_id, user_id=user, capability=Capability.POST) for user in others)
        own = _opener_may(kind)
        joined = {caller.user: own} if own is not None else {}
        tx.after_commit(lambda: chat.announcer.opened(thread_id, joined | dict.fromkeys(others, Capability.POST)))
    if is_new and kind is Kind.SUPPORT:
        await chat.meet(tx, thread_id)
    return thread_id, is_new


def _opener_may(kind: Kind) -> Capability | None:
    """What the one who opens a thread may do as its member; nobody is a member of a room, or of notes."""
    if kind in (Kind.ROOM, Kind.NOTES):
        return None
    return Capability.MANAGE if kind is Kind.GROUP else Capability.POST


def _slug(caller: Caller, kind: Kind, name: str | None, others: list[UUID]) -> str | None:
    if kind in (Kind.TELEGRAM, Kind.NOTES):
        raise Invalid("kind_not_for_opening", f"a {kind} thread opens by itself; choose support, direct, group or room")
    if kind is Kind.ROOM:
        if name is None:
            raise Invalid("name_needed", "a room needs a `name`", faults=[Fault("name", "give the room a name")])
        if others:
            raise Invalid("members_not_allowed", "a room is open to everybody; leave `members` out")
        return f"room:{name}"
    if name is not None:
        raise Invalid("name_not_allowed", "only a room has a `name`; use `subject`")
    if kind is Kind.DIRECT:
        if len(others) != 1:
            raise Invalid("one_member_needed", "a direct thread has exactly one other member")
        return "direct:" + ":".join(sorted((str(caller.user), str(others[0]))))
    if kind is Kind.SUPPORT and others and not is_operator(caller.role):
        raise Forbidden("members_by_operators", "only operators bring others into a support thread")
    return None


async def _check_people(session: AsyncSession, people: list[UUID]) -> None:
    known = (
        set(await session.scalars(select(User.id).where(User.id.in_(people), User.erased_at.is_(None))))
        if people
        else set()
    )
    missing = [person for person in people if person not in known]
    if missing:
        raise Invalid("no_such_user", f"there is no user {missing[0]}")


async def _find_or_make(
    tx: Transaction,
    caller: Caller,
    kind: Kind,
    slug: str | None,
    *,
    subject: str = "",
    tags: list[str] | None = None,
    attached_to: UUID | None = None,
) -> tuple[UUID, bool]:
    """A new thread, or the one that has this slug already."""
    row: dict[str, Any] = {"id": ids.new(), "kind": kind, "slug": slug, "subject": subject, "created_by": caller.user}
    row |= {"tags": bare_tags(tags or []), "attached_to": attached_to, "epoch": ids.new().hex[-8:]}
    new = insert(Thread).values(row).on_conflict_do_nothing(index_elements=["slug"]).returning(Thread.id)
    while (made := await tx.session.scalar(new)) is None:
        found = await tx.session.scalar(select(Thread.id).where(Thread.slug == slug))
        if found is not None:  # else it was archived in between, and the name is free
            return found, False
    capability = _opener_may(kind)
    if capability is not None:
        tx.session.add(Member(thread_id=made, user_id=caller.user, capability=capability))
    await record_thread(tx, Happening.OPENED, made)
    return made, True


async def notes_of(tx: Transaction, chat: Chat, caller: Caller, thread_id: UUID) -> UUID:
    """The operators' private notes on a thread: a thread of their own, made on first use."""
    standing = checked(await chat.access.standing(caller, thread_id))
    if not standing.is_operator:
        raise Forbidden("operators_only", "private notes are the operators'")
    if standing.kind is Kind.NOTES:
        raise Invalid("notes_on_notes", "this thread is itself the notes of another")
    found, _ = await _find_or_make(tx, caller, Kind.NOTES, f"notes:{thread_id}", attached_to=thread_id)
    return found


async def room(tx: Transaction, chat: Chat, caller: Caller, name: str) -> UUID:
    """The open thread of this name, made on first use."""
    thread_id, _ = await open_thread(tx, chat, caller, Kind.ROOM, name=name)
    return thread_id


async def view(tx: Transaction, caller: Caller, thread_id: UUID) -> str:
    """One thread as finished JSON (schemas.ThreadView); the caller's right to it is checked before."""
    query = THREADS.format(last=message_json("w"), conditions="t.id = :thread")
    values = {"me": caller.user, "thread": thread_id, "limit": 1}
    return str((await tx.session.execute(text(query), values)).scalar_one())


async def listing(
    tx: Transaction,
    caller: Caller,
    *,
    status: Status,
    kind: Kind | None,
    mine: bool,
    waiting: bool,
    limit: int,
    cursor: str | None,
) -> str:
    """The caller's threads, the most recently active first, as finished JSON (schemas.ThreadPage)."""
    values: dict[str, Any] = {"me": caller.user, "status": str(status), "limit": limit + 1}
    visible = VISIBLE_TO_MEMBERS
    if is_operator(caller.role):
        visible = f"({VISIBLE_TO_MEMBERS} OR t.handled_by = :me)" if mine else VISIBLE_TO_OPERATORS
    conditions = [visible if kind is not Kind.ROOM or mine else "true", "t.status = :status"]
    if kind is not None:
        values["kind"] = str(kind)
        conditions.append("t.kind = :kind")
    if waiting:
        conditions.append("t.waiting_since IS NOT NULL")
    if cursor is not None:
        values["active_at"], values["id"] = _read_cursor(cursor)
        conditions.append("(t.active_at, t.id) < (:active_at, :id)")
    query = THREADS.format(last=message_json("w"), conditions=" AND ".join(conditions))
    rows = [str(row[0]) for row in await tx.session.execute(text(query), values)]
    following = f'"{_cursor(rows[limit - 1])}"' if len(rows) > limit else "null"
    return f'{{"threads":[{",".join(rows[:limit])}],"next":{following}}}'


def _cursor(row: str) -> str:
    last = json.loads(row)
    return base64.urlsafe_b64encode(f"{last['active_at']} {last['id']}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        active_at, thread_id = base64.urlsafe_b64decode(cursor).decode().split(" ")
        return datetime.fromisoformat(active_at).astimezone(UTC), UUID(thread_id)
    except (binascii.Error, ValueError, OverflowError) as error:
        raise Invalid("bad_cursor", "a cursor comes from the `next` of an earlier page") from error


async def change(
    tx: Transaction,
    chat: Chat,
    caller: Caller,
    thread_id: UUID,
    *,
    subject: str | None = None,
    status: Status | None = None,
    tags: list[str] | None = None,
) -> None:
    """Rename, tag, archive or reopen a thread. Its own people may archive and reopen; the rest is for managers."""
    standing = checked(await chat.access.standing(caller, thread_id))
    if subject is not None or tags is not None or not standing.may_archive:
        checked_for_managing(standing)
    thread = await tx.session.get(Thread, thread_id, with_for_update=True)
    if thread is None:
        raise Missing("no_such_thread", "there is no such thread, or it is not yours")
    if subject is not None:
        thread.subject = subject
    if tags is not None:
        thread.tags = bare_tags(tags)
    if status is not None:
        thread.status = status
        if status is Status.ARCHIVED:
            thread.handled_by = thread.waiting_since = None  # settled: what comes next begins anew
        if status is Status.ARCHIVED and standing.kind is Kind.SUPPORT:
            thread.slug = None  # the next word of its owner opens a new conversation
    await tx.session.flush()
    await record_thread(tx, Happening.CHANGED, thread_id)
    slug = thread.slug

    def announce() -> None:
        chat.access.forget(thread_id)
        chat.announcer.changed(thread_id, slug)

    tx.after_commit(announce)


async def members(tx: Transaction, chat: Chat, caller: Caller, thread_id: UUID) -> list[MemberRow]:
    """Who belongs to the thread, the longest first."""
    checked(await chat.access.standing(caller, thread_id))
    rows = await tx.session.execute(
        select(Member, User.name, func.coalesce(ReadMarker.number, 0))
        .join(User, User.id == Member.user_id)
        .outerjoin(ReadMarker, (ReadMarker.thread_id == Member.thread_id) & (ReadMarker.user_id == Member.user_id))
        .where(Member.thread_id == thread_id)
        .order_by(Member.joined_at, Member.user_id)
        .limit(MEMBERS_LIMIT)
    )
    return [MemberRow(one.user_id, name, Capability(one.capability), one.joined_at, read) for one, name, read in rows]


async def admit(
    tx: Transaction, chat: Chat, caller: Caller, thread_id: UUID, user_id: UUID, *, capability: Capability
) -> None:
    """Make someone a member, or change what a member may do."""
    standing = checked_for_managing(await chat.access.standing(caller, thread_id))
    _membership_changes(standing)
    await _check_people(tx.session, [user_id])
    others = await _others(tx, thread_id, user_id)
    if len(others) >= MEMBERS_LIMIT:
        raise Conflict("too_many_members", f"a thread has at most {MEMBERS_LIMIT} members; open a room for more")
    if capability is not Capability.MANAGE:
        _check_managed(standing, others)
    new = insert(Member).values(thread_id=thread_id, user_id=user_id, capability=capability)
    await tx.session.execute(
        new.on_conflict_do_update(index_elements=["thread_id", "user_id"], set_={"capability": capability})
    )

    def announce() -> None:
        chat.access.forget(thread_id)
        chat.announcer.admitted(user_id, thread_id, capability)

    tx.after_commit(announce)


async def remove(tx: Transaction, chat: Chat, caller: Caller, thread_id: UUID, user_id: UUID) -> None:
    """Take someone out; everybody may take themselves out. Who is not a member is gone already."""
    standing = checked(await chat.access.standing(caller, thread_id))
    _membership_changes(standing if user_id == caller.user else checked_for_managing(standing))
    _check_managed(standing, await _others(tx, thread_id, user_id))
    await tx.session.execute(delete(Member).where(Member.thread_id == thread_id, Member.user_id == user_id))
    theirs = (Thread.id == thread_id, Thread.slug == _own_slug(user_id))
    await tx.session.execute(update(Thread).where(*theirs).values(slug=None))  # their next word opens a new one

    def announce() -> None:
        chat.access.forget(thread_id)
        chat.announcer.removed(user_id, thread_id)

    tx.after_commit(announce)


async def _others(tx: Transaction, thread_id: UUID, user_id: UUID) -> list[Capability]:
    """What the other members may do, the thread locked: of two who change its members, the second sees the first."""
    await tx.session.execute(select(Thread.id).where(Thread.id == thread_id).with_for_update())
    rows = await tx.session.scalars(
        select(Member.capability).where(Member.thread_id == thread_id, Member.user_id != user_id)
    )
    return [Capability(row) for row in rows]


def _check_managed(standing: Standing, others: list[Capability]) -> None:
    """A group that others belong to keeps somebody who manages it."""
    if standing.kind is Kind.GROUP and others and Capability.MANAGE not in others:
        raise Conflict("last_manager", "somebody has to manage the group: let another member manage it first")


def _membership_changes(standing: Standing) -> None:
    if standing.kind in (Kind.DIRECT, Kind.ROOM, Kind.NOTES):
        raise Conflict("fixed_membership", f"a {standing.kind} thread has no members to change")
