"""The real application with one route more: history as one would write it with the ORM and a response model."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, Query
from sqlalchemy import select

from server import main
from server.auth.dependencies import CurrentUser
from server.chat import service
from server.chat.dependencies import TheChat
from server.chat.models import Message
from server.chat.schemas import MessageView
from server.web import Tx


async def history(
    thread_id: UUID, caller: CurrentUser, chat: TheChat, tx: Tx, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> list[Message]:
    """The latest messages of a thread; the same sign-in, the same access check, the same middleware."""
    await service.check_reader(chat, caller, thread_id)
    query = select(Message).where(Message.thread_id == thread_id).order_by(Message.number.desc()).limit(limit)
    return list(await tx.session.scalars(query))


def create_app() -> FastAPI:
    """For uvicorn."""
    app = main.create_app()
    app.get("/bench/history", response_model=list[MessageView])(history)
    return app
