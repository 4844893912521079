"""The bot over REST: Telegram's webhook, and how the bot is doing. Reads, calls one verb, answers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.routing import APIRoute
from typing_extensions import override

from server.auth.dependencies import CurrentAdmin, CurrentOperator, CurrentUser, unkept
from server.bot import service
from server.bot.schemas import BotView, DeadUpdate, LinkView, Received
from server.bot.service import Bot
from server.chat.dependencies import TheChat
from server.codes import ALWAYS, SIGNED_IN, documented
from server.web import Download

router = APIRouter(prefix="/bot", tags=["bot"])

PROOF_HEADER = "x-telegram-bot-api-secret-token"
SENT = {**ALWAYS, "wrong_secret": 401, "not_an_update": 422, "bot_overrun": 503}
FETCHED = {**SIGNED_IN, "no_such_file": 404, "file_too_large": 422, "telegram_unavailable": 503}
FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
}
OPERATED = {**SIGNED_IN, "role_needed": 403}


async def _bot(request: Request) -> Bot:
    bot: Bot = request.state.bot
    return bot


TheBot = Annotated[Bot, Depends(_bot)]


async def _webhook(request: Request) -> Response:
    """The secret is looked at before anything else is read: a stranger costs nothing."""
    bot: Bot = request.state.bot
    service.check_sender(bot, request.headers.get(PROOF_HEADER, ""))
    await service.accept(bot, await request.body())
    return Response("{}", media_type="application/json")


class WebhookRoute(APIRoute):
    """FastAPI documents it, `_webhook` answers."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return _webhook


async def webhook(
    secret: Annotated[str, Header(alias=PROOF_HEADER, description="What was registered with Telegram.")] = "",
) -> None:
    """For Telegram alone. Answered when the update is kept; the same one again changes nothing."""


router.add_api_route(
    "/webhook",
    webhook,
    methods=["POST"],
    route_class_override=WebhookRoute,
    response_model=Received,
    summary="Take an update from Telegram",
    responses=documented(SENT),
)


@router.get("/status", response_model=BotView, summary="How is the bot doing", responses=documented(OPERATED))
async def status(_: CurrentOperator, bot: TheBot, request: Request) -> BotView:
    """What came in, what goes out, and what was set aside. Without a token it says that the bot is off."""
    return await service.status(bot, request.state.telegram)


@router.post(
    "/link",
    response_model=LinkView,
    summary="Link a Telegram chat with your account",
    dependencies=[Depends(unkept)],
    responses=documented(SIGNED_IN, bot_is_off=409, telegram_unavailable=503),
)
async def link(caller: CurrentUser, bot: TheBot, request: Request) -> LinkView:
    """A link to the bot: the chat in which it is followed, within 15 minutes, is known as the caller's from then on."""
    return await service.link(bot, request.state.telegram, caller)


@router.get("/updates", response_model=list[DeadUpdate], summary="List dead updates", responses=documented(OPERATED))
async def updates(
    _: CurrentOperator,
    bot: TheBot,
    limit: Annotated[int, Query(ge=1, le=200, description="At most so many.")] = 50,
) -> list[DeadUpdate]:
    """Updates that could not be taken in after several tries, the oldest first."""
    return await service.dead(bot, limit)


@router.post(
    "/updates/{row_id}/replay",
    status_code=202,
    response_model=Received,
    summary="Replay a dead update",
    responses=documented(OPERATED, no_such_update=404),
)
async def replay(
    _: CurrentAdmin, bot: TheBot, row_id: Annotated[int, Path(ge=1, le=2**63 - 1, description="The `id` of its row.")]
) -> Received:
    """Try a dead update again, for an admin: after a correction, say."""
    await service.replay(bot, row_id)
    return Received()


@router.get(
    "/file/{message_id}",
    status_code=200,
    response_class=Download,
    summary="Read a file from Telegram",
    responses={**documented(FETCHED), **FILE},
)
async def file(
    caller: CurrentUser,
    bot: TheBot,
    chat: TheChat,
    request: Request,
    message_id: Annotated[UUID, Path(description="The `id` of the message that it came with.")],
) -> Download:
    """The photo, document, voice or other file of a message, fetched now, for whoever may read its thread."""
    facts, fetched = await service.file_of(bot, request.state.telegram, chat.access, caller, message_id)
    return Download(fetched.pieces, facts.name, facts.type, fetched.size)


@router.post(
    "/messages/{message_id}/send",
    status_code=202,
    response_model=Received,
    summary="Send a message again",
    responses=documented(OPERATED, no_such_message=404, not_to_be_repeated=409),
)
async def send_again(
    _: CurrentOperator, bot: TheBot, chat: TheChat, message_id: Annotated[UUID, Path(description="The message's `id`.")]
) -> Received:
    """Send once more what failed, or of which nobody knows whether it arrived: then it may arrive twice."""
    await service.send_again(bot, chat.announcer, message_id)
    return Received()
