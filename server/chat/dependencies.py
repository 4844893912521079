"""What the routes of the chat room receive: the room itself, and finished JSON on the way out."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Response

from server.chat.replies import Replies
from server.chat.service import Chat


async def _chat(request: Request) -> Chat:  # not `def`: FastAPI would take a thread for it
    chat: Chat = request.state.chat
    return chat


async def _replies(request: Request) -> Replies:
    replies: Replies = request.state.replies
    return replies


TheReplies = Annotated[Replies, Depends(_replies)]
TheChat = Annotated[Chat, Depends(_chat)]


def finished(json: str, status: int = 200) -> Response:
    """An answer that PostgreSQL has already written."""
    return Response(json, status, media_type="application/json")
