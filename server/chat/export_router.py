"""Data handed out over REST, as JSON lines. Reads, calls one verb, answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request

from server.auth.dependencies import CurrentAdmin, CurrentUser
from server.chat import export
from server.chat.dependencies import TheChat
from server.chat.export import Exports
from server.codes import SIGNED_IN, documented
from server.web import Lines

router = APIRouter(prefix="/chat", tags=["exports"])

EXPORTED = {**SIGNED_IN, "too_many_exports": 429}


async def _exports(request: Request) -> Exports:
    exports: Exports = request.state.exports
    return exports


TheExports = Annotated[Exports, Depends(_exports)]
ThreadId = Annotated[UUID, Path(description="The thread's `id`.")]
PersonId = Annotated[UUID, Path(description="The person's `id`.")]


@router.get(
    "/threads/{thread_id}/export",
    status_code=200,
    response_class=Lines,
    summary="Export a thread",
    responses=documented(EXPORTED, no_such_thread=404, not_a_manager=403),
)
async def thread(thread_id: ThreadId, caller: CurrentUser, chat: TheChat, exports: TheExports) -> Lines:
    """The thread, its members, messages and revisions, one JSON object a line; for those who manage it."""
    return _file("thread", thread_id, await export.of_thread(exports, chat, caller, thread_id))


@router.get(
    "/export",
    status_code=200,
    response_class=Lines,
    summary="Export my data",
    responses=documented(EXPORTED, no_such_user=404),
)
async def mine(caller: CurrentUser, chat: TheChat, exports: TheExports) -> Lines:
    """All that is kept of the caller and all that they wrote, one JSON object a line."""
    return _file("person", caller.user, await export.of_person(exports, chat, caller.user))


@router.get(
    "/export/{user_id}",
    status_code=200,
    response_class=Lines,
    summary="Export somebody's data",
    responses=documented(EXPORTED, no_such_user=404, role_needed=403),
)
async def person(user_id: PersonId, _: CurrentAdmin, chat: TheChat, exports: TheExports) -> Lines:
    """The same of anybody; for admins."""
    return _file("person", user_id, await export.of_person(exports, chat, user_id))


def _file(kind: str, target: UUID, pieces: AsyncGenerator[str, None]) -> Lines:
    return Lines(pieces, f"{kind}-{target}.jsonl")
