"""Threads over REST: list, open, change, members, read markers, notes. Reads, calls one verb, answers."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from server.auth.dependencies import CurrentUser, TheAuth
from server.chat import handling, service, threads
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
    Transfer,
)
from server.codes import SIGNED_IN, documented
from server.web import Tx

router = APIRouter(prefix="/chat/threads", tags=["threads"])

FOUND = {**SIGNED_IN, "no_such_thread": 404}
MANAGED = {**FOUND, "not_a_manager": 403}
MEMBERS = {**MANAGED, "fixed_membership": 409, "last_manager": 409}
HANDLED = {**FOUND, "operators_only": 403, "kind_not_handled": 409}
OPENED = {
    **SIGNED_IN,
    "kind_not_for_opening": 422,
    "name_needed": 422,
    "name_not_allowed": 422,
    "members_not_allowed": 422,
    "one_member_needed": 422,
    "no_such_user": 422,
    "members_by_operators": 403,
}
EXISTING: dict[int | str, dict[str, Any]] = {
    200: {"model": ThreadView, "description": "The one there may be only one of existed already."}
}

ThreadId = Annotated[UUID, Path(description="The thread's `id`.")]
MemberId = Annotated[UUID, Path(description="The person's `id`.")]


@router.get("", response_model=ThreadPage, summary="List my threads", responses=documented(SIGNED_IN, bad_cursor=422))
async def listing(
    caller: CurrentUser,
    tx: Tx,
    status: Annotated[
        Status, Query(description="Those that are worked on, or those that were put away.")
    ] = Status.OPEN,
    kind: Annotated[Kind | None, Query(description="Only threads of this kind; `room` lists all rooms.")] = None,
    *,
    mine: Annotated[
        bool, Query(description="For operators: only threads that they are a member of, or look after.")
    ] = False,
    waiting: Annotated[bool, Query(description="Only threads that wait for a person.")] = False,
    limit: Annotated[int, Query(ge=1, le=100, description="Threads on a page.")] = 30,
    cursor: Annotated[str | None, Query(max_length=200, description="`next` of the page before.")] = None,
) -> Response:
    """The caller's threads, the most recently active first; operators see all support threads unless `mine`."""
    found = await threads.listing(
        tx, caller, status=status, kind=kind, mine=mine, waiting=waiting, limit=limit, cursor=cursor
    )
    return finished(found)


@router.post(
    "",
    status_code=201,
    response_model=ThreadView,
    summary="Open a thread",
    responses={**documented(OPENED), **EXISTING},
)
async def open_thread(body: NewThread, caller: CurrentUser, chat: TheChat, tx: Tx) -> Response:
    """Open a thread; a room or a direct thread that exists already is returned with 200."""
    thread_id, is_new = await threads.open_thread(
        tx, chat, caller, body.kind, subject=body.subject, name=body.name, members=body.members, tags=body.tags
    )
    return finished(await threads.view(tx, caller, thread_id), 201 if is_new else 200)


@router.get("/{thread_id}", response_model=ThreadView, summary="Read one thread", responses=documented(FOUND))
async def one(thread_id: ThreadId, caller: CurrentUser, chat: TheChat, tx: Tx) -> Response:
    """One thread, as the caller sees it."""
    await service.check_reader(chat, caller, thread_id)
    return finished(await threads.view(tx, caller, thread_id))


@router.patch(
    "/{thread_id}",
    response_model=ThreadView,
    summary="Rename, tag, archive or reopen",
    responses=documented(MANAGED),
)
async def change(thread_id: ThreadId, body: ThreadChange, caller: CurrentUser, chat: TheChat, tx: Tx) -> Response:
    """Rename, tag, archive or reopen a thread."""
    await threads.change(tx, chat, caller, thread_id, subject=body.subject, status=body.status, tags=body.tags)
    return finished(await threads.view(tx, caller, thread_id))


@router.post("/{thread_id}/read", summary="Move my read marker", responses=documented(FOUND))
async def read(thread_id: ThreadId, body: ReadMark, caller: CurrentUser, chat: TheChat, tx: Tx) -> ReadView:
    """Say how far you have read; the marker never moves back."""
    number, unread = await service.mark_read(tx, chat, caller, thread_id, body.number)
    return ReadView(number=number, unread=unread)


@router.post(
    "/{thread_id}/notes",
    response_model=ThreadView,
    summary="Open the operators' notes",
    responses=documented(FOUND, operators_only=403, notes_on_notes=422),
)
async def notes(thread_id: ThreadId, caller: CurrentUser, chat: TheChat, tx: Tx) -> Response:
    """The operators' private notes on this thread: a thread of their own, made on first use."""
    return finished(await threads.view(tx, caller, await threads.notes_of(tx, chat, caller, thread_id)))


@router.post(
    "/{thread_id}/take",
    response_model=ThreadView,
    summary="Look after a support thread",
    responses=documented(HANDLED, taken_already=409),
)
async def take(thread_id: ThreadId, caller: CurrentUser, chat: TheChat, tx: Tx) -> Response:
    """From now on the caller answers here, and the assistant does not. An operator who posts takes a free thread."""
    await handling.take(tx, chat, caller, thread_id)
    return finished(await threads.view(tx, caller, thread_id))


@router.post(
    "/{thread_id}/release",
    response_model=ThreadView,
    summary="Give a support thread back",
    responses=documented(HANDLED),
)
async def release(thread_id: ThreadId, caller: CurrentUser, chat: TheChat, tx: Tx) -> Response:
    """Give the thread back to the assistant, which answers what is asked there and not answered yet."""
    await handling.release(tx, chat, caller, thread_id)
    return finished(await threads.view(tx, caller, thread_id))


@router.post(
    "/{thread_id}/transfer",
    response_model=ThreadView,
    summary="Hand a support thread on",
    responses=documented(HANDLED, no_such_user=422, not_an_operator=422),
)
async def transfer(thread_id: ThreadId, body: Transfer, caller: CurrentUser, chat: TheChat, tx: Tx) -> Response:
    """Another operator looks after the thread, whoever did so before."""
    await handling.transfer(tx, chat, caller, thread_id, body.user_id)
    return finished(await threads.view(tx, caller, thread_id))


@router.get("/{thread_id}/members", summary="List members", responses=documented(FOUND))
async def members(thread_id: ThreadId, caller: CurrentUser, chat: TheChat, tx: Tx) -> list[MemberView]:
    """Who belongs to the thread, and how far each has read."""
    rows = await threads.members(tx, chat, caller, thread_id)
    return [MemberView.model_validate(row, from_attributes=True) for row in rows]


@router.put(
    "/{thread_id}/members/{user_id}",
    status_code=204,
    summary="Admit a member, or change what one may do",
    responses=documented(MEMBERS, no_such_user=422, too_many_members=409),
)
async def admit(
    thread_id: ThreadId, user_id: MemberId, body: MemberChange, *, caller: CurrentUser, chat: TheChat, tx: Tx
) -> None:
    """Make someone a member, or change what a member may do."""
    await threads.admit(tx, chat, caller, thread_id, user_id, capability=body.capability)


@router.delete(
    "/{thread_id}/members/{user_id}",
    status_code=204,
    summary="Take a member out, or leave",
    responses=documented(MEMBERS),
)
async def remove(thread_id: ThreadId, user_id: MemberId, caller: CurrentUser, chat: TheChat, tx: Tx) -> None:
    """Take someone out of the thread, or leave it."""
    await threads.remove(tx, chat, caller, thread_id, user_id)


@router.post(
    "/{thread_id}/subscription-token",
    status_code=201,
    summary="Let somebody listen without being a member",
    responses=documented(MANAGED),
)
async def subscription_token(
    thread_id: ThreadId, body: SubscriptionTokenAsked, caller: CurrentUser, chat: TheChat, auth: TheAuth
) -> SubscriptionTokenView:
    """A subscription token: lets somebody listen to the thread for a while without being a member."""
    channel = await service.check_manager(chat, caller, thread_id)
    token = auth.tokens.issue_subscription(body.user_id, channel, body.seconds)
    return SubscriptionTokenView(token=token, channel=channel, seconds=body.seconds)
