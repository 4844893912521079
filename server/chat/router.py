"""Messages over REST: send, history, one message, edits, reactions. Reads, calls one verb, answers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.routing import APIRoute
from typing_extensions import override

from server.auth.dependencies import CurrentUser, caller_of
from server.chat import service, threads
from server.chat.constants import WAIT_LIMIT_SECONDS
from server.chat.dependencies import TheChat, TheReplies, finished
from server.chat.history import Filter, Window
from server.chat.schemas import (
    ChatMessageRequest,
    Emoji,
    HistoryPage,
    HistoryQuery,
    MessageChange,
    MessageSent,
    MessageView,
    MessageWithContext,
    RevisionView,
)
from server.chat.service import CONTEXT_LIMIT, Chat, NewMessage
from server.codes import SIGNED_IN, documented
from server.web import Tx, query_of

router = APIRouter(prefix="/chat", tags=["messages"])

FOUND = {**SIGNED_IN, "no_such_message": 404}
CHANGED = {**FOUND, "read_only": 403, "message_deleted": 409}
WORDED = {"empty_text": 422, "text_too_long": 422, "too_many_tags": 422}
POSTED = {
    **SIGNED_IN,
    **WORDED,
    "no_such_thread": 404,
    "read_only": 403,
    "no_such_reply": 422,
    "no_such_attachment": 422,
}
JOURNALED = {"unacceptable_message": 422, "client_id_contested": 409, "journal_full": 429, "posted_too_often": 429}
PAGED = {**SIGNED_IN, "no_such_thread": 404, "bad_cursor": 422, "two_cursors": 422}

MessageId = Annotated[UUID, Path(description="The message's `id`.")]
Neighbours = Annotated[
    int, Query(ge=0, le=CONTEXT_LIMIT, description="How many messages before and after it come along.", examples=[3])
]


@router.post(
    "/send",
    status_code=201,
    response_model=MessageSent,
    summary="Post a message",
    responses={
        **documented(POSTED, JOURNALED),
        200: {"model": MessageSent, "description": "Posted before with this client_id."},
    },
)
async def send(
    body: ChatMessageRequest,
    caller: CurrentUser,
    chat: TheChat,
    replies: TheReplies,
    wait: Annotated[
        float, Query(ge=0, le=WAIT_LIMIT_SECONDS, description="Seconds to wait for the assistant's reply.")
    ] = 0,
) -> Response:
    """Post a message. Answered after the commit; the same `client_id` again returns the first message with 200.

    With `wait` the answer comes with the assistant's `reply`, or when the time is over: then `reply` is null, and the
    reply is heard in the thread like any message.
    """
    thread_id = body.thread_id
    if thread_id is None:
        async with chat.database.transaction() as tx:
            thread_id = await threads.own(tx, chat, caller)
    new = NewMessage(body.text, body.client_id, body.reply_to, body.tags, body.payload)
    posted = await service.post(chat, caller, thread_id, new)
    status = 201 if posted.is_first else 200
    if not wait:
        return finished(posted.json, status)
    reply = await replies.first(thread_id, posted.number, wait)
    return finished(f'{posted.json[:-1]},"reply":{reply or "null"}}}', status)


async def _history(request: Request) -> Response:
    """The page, without FastAPI's solving of dependencies: that costs as much as everything else together."""
    caller = await caller_of(request)
    asked = query_of(HistoryQuery, request)
    chat: Chat = request.state.chat
    thread_id = asked.thread_id or await threads.conversation_of(chat, caller, asked.user_id)
    window = Window(asked.limit, asked.offset, asked.before, asked.after)
    wanted = Filter(asked.author_id, asked.status, asked.tag, asked.since, asked.until, asked.q)
    return finished(await service.history(chat, caller, thread_id, window, wanted))


class HistoryRoute(APIRoute):
    """The hottest door: FastAPI documents it, `_history` answers."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return _history


async def history(caller: CurrentUser, asked: Annotated[HistoryQuery, Query()]) -> None:
    """Messages of a thread, or of a person's conversation; the latest page unless a cursor says otherwise."""


router.add_api_route(
    "/history",
    history,
    route_class_override=HistoryRoute,
    response_model=HistoryPage,
    summary="Read and search messages",
    responses=documented(PAGED),
)


@router.get(
    "/message/{message_id}",
    response_model=MessageWithContext,
    summary="Read one message",
    responses=documented(FOUND),
)
async def message(message_id: MessageId, caller: CurrentUser, chat: TheChat, context: Neighbours = 0) -> Response:
    """One message; with `context` also up to so many before and after it."""
    return finished(await service.message(chat, caller, message_id, context))


@router.patch(
    "/message/{message_id}",
    response_model=MessageView,
    summary="Edit a message",
    responses=documented(CHANGED, WORDED, not_the_author=403),
)
async def edit(message_id: MessageId, body: MessageChange, caller: CurrentUser, chat: TheChat, tx: Tx) -> Response:
    """Change the text or the tags of a message; the old version is kept."""
    return finished(await service.edit(tx, chat, caller, message_id, words=body.text, tags=body.tags))


@router.delete(
    "/message/{message_id}",
    response_model=MessageView,
    summary="Delete a message",
    responses=documented(CHANGED, not_the_author=403),
)
async def delete(message_id: MessageId, caller: CurrentUser, chat: TheChat, tx: Tx) -> Response:
    """Redact a message: its place in the thread stays, its words go."""
    return finished(await service.delete(tx, chat, caller, message_id))


@router.get(
    "/message/{message_id}/revisions",
    summary="Read what edits replaced",
    responses=documented(FOUND, not_the_author=403),
)
async def revisions(message_id: MessageId, caller: CurrentUser, chat: TheChat, tx: Tx) -> list[RevisionView]:
    """What edits and a deletion replaced, the oldest first."""
    rows = await service.revisions(tx, chat, caller, message_id)
    return [RevisionView.model_validate(row, from_attributes=True) for row in rows]


Reaction = Annotated[Emoji, Path(description="The emoji, percent-encoded.", examples=["👍"])]


@router.put(
    "/message/{message_id}/reactions/{emoji}",
    response_model=MessageView,
    summary="React to a message",
    responses=documented(CHANGED, too_many_reactions=409),
)
async def react(message_id: MessageId, emoji: Reaction, caller: CurrentUser, chat: TheChat, tx: Tx) -> Response:
    """React to a message; the same reaction again changes nothing."""
    return finished(await service.react(tx, chat, caller, message_id, emoji))


@router.delete(
    "/message/{message_id}/reactions/{emoji}",
    response_model=MessageView,
    summary="Take a reaction back",
    responses=documented(CHANGED),
)
async def unreact(message_id: MessageId, emoji: Reaction, caller: CurrentUser, chat: TheChat, tx: Tx) -> Response:
    """Take a reaction back."""
    return finished(await service.unreact(tx, chat, caller, message_id, emoji))
