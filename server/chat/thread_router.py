"""Threads over REST: list, open, change, members, read markers, notes. Reads, calls one verb, answers."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from server.auth.dependencies import CurrentUser, TheAuth
from server.chat import service, threads
from server.chat.constants import Kind, Status
from server.chat.dependencies import TheChat, finished
from server.chat.schemas import (
    MemberChange,
    MemberView,
    NewThread,
    ReadMark,
    ReadView,
    SubscriptionTokenAsked,
    SubscriptionTokenView,
    ThreadChange,
    ThreadPage,
    ThreadView,
)
from server.web import SIGNED_IN, Tx, documented

router = APIRouter(prefix="/chat/threads", tags=["threads"])

FOUND = {**SIGNED_IN, **documented(404)}
CHANGED = {**FOUND, **documented(403, 409)}
EXISTING: dict[int | str, dict[str, Any]] = {
    200: {"model": ThreadView, "description": "The one there may be only one of existed already."}
}


@router.get("", response_model=ThreadPage, responses=SIGNED_IN)
async def listing(
    caller: CurrentUser,
    tx: Tx,
    status: Status = Status.OPEN,
    kind: Kind | None = None,
    *,
    mine: bool = False,
    limit: Annotated[int, Query(ge=1, le=100)] = 30,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The caller's threads, the most recently active first; operators see all support threads unless `mine`."""
    return finished(await threads.listing(tx, caller, status=status, kind=kind, mine=mine, limit=limit, cursor=cursor))


@router.post("", status_code=201, response_model=ThreadView, responses={**SIGNED_IN, **documented(403), **EXISTING})
async def open_thread(body: NewThread, caller: CurrentUser, chat: TheChat, tx: Tx) -> Response:
    """Open a thread; a room or a direct thread that exists already is returned with 200."""
    thread_id, is_new = await threads.open_thread(
        tx, chat, caller, body.kind, subject=body.subject, name=body.name, members=body.members, tags=body.tags
    )
    return finished(await threads.view(tx, caller, thread_id), 201 if is_new else 200)


@router.get("/{thread_id}", response_model=ThreadView, responses=FOUND)
async def one(thread_id: UUID, caller: CurrentUser, chat: TheChat, tx: Tx) -> Response:
    """One thread, as the caller sees it."""
    await service.check_reader(chat, caller, thread_id)
    return finished(await threads.view(tx, caller, thread_id))


@router.patch("/{thread_id}", response_model=ThreadView, responses=CHANGED)
async def change(thread_id: UUID, body: ThreadChange, caller: CurrentUser, chat: TheChat, tx: Tx) -> Response:
    """Rename, tag, archive or reopen a thread."""
    await threads.change(tx, chat, caller, thread_id, subject=body.subject, status=body.status, tags=body.tags)
    return finished(await threads.view(tx, caller, thread_id))


@router.post("/{thread_id}/read", responses=FOUND)
async def read(thread_id: UUID, body: ReadMark, caller: CurrentUser, chat: TheChat, tx: Tx) -> ReadView:
    """Say how far you have read; the marker never moves back."""
    number, unread = await service.mark_read(tx, chat, caller, thread_id, body.number)
    return ReadView(number=number, unread=unread)


@router.post("/{thread_id}/notes", response_model=ThreadView, responses={**FOUND, **documented(403)})
async def notes(thread_id: UUID, caller: CurrentUser, chat: TheChat, tx: Tx) -> Response:
    """The operators' private notes on this thread: a thread of their own, made on first use."""
    return finished(await threads.view(tx, caller, await threads.notes_of(tx, chat, caller, thread_id)))


@router.get("/{thread_id}/members", responses=FOUND)
async def members(thread_id: UUID, caller: CurrentUser, chat: TheChat, tx: Tx) -> list[MemberView]:
    """Who belongs to the thread, and how far each has read."""
    rows = await threads.members(tx, chat, caller, thread_id)
    return [MemberView.model_validate(row, from_attributes=True) for row in rows]


@router.put("/{thread_id}/members/{user_id}", status_code=204, responses=CHANGED)
async def admit(
    thread_id: UUID, user_id: UUID, body: MemberChange, *, caller: CurrentUser, chat: TheChat, tx: Tx
) -> None:
    """Make someone a member, or change what a member may do."""
    await threads.admit(tx, chat, caller, thread_id, user_id, capability=body.capability)


@router.delete("/{thread_id}/members/{user_id}", status_code=204, responses=CHANGED)
async def remove(thread_id: UUID, user_id: UUID, caller: CurrentUser, chat: TheChat, tx: Tx) -> None:
    """Take someone out of the thread, or leave it."""
    await threads.remove(tx, chat, caller, thread_id, user_id)


@router.post("/{thread_id}/subscription-token", status_code=201, responses=CHANGED)
async def subscription_token(
    thread_id: UUID, body: SubscriptionTokenAsked, caller: CurrentUser, chat: TheChat, auth: TheAuth
) -> SubscriptionTokenView:
    """A subscription token: lets somebody listen to the thread for a while without being a member."""
    channel = await service.check_manager(chat, caller, thread_id)
    token = auth.tokens.issue_subscription(body.user_id, channel, body.seconds)
    return SubscriptionTokenView(token=token, channel=channel, seconds=body.seconds)
