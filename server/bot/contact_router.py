"""Contacts over REST: who is outside, and what is known of them. Reads, calls one verb, answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.requests import ClientDisconnect

from server.auth.dependencies import CurrentOperator
from server.bot import directory
from server.bot.directory import Directory, Wanted
from server.bot.router import OPERATED, TheBot
from server.bot.schemas import ContactChange, ContactImport, ContactPage, ContactView, TagCount
from server.codes import documented
from server.errors import Invalid
from server.inputs import Text

IMPORT_PATH = "/bot/imports"

router = APIRouter(prefix="/bot", tags=["contacts"])

ContactId = Annotated[UUID, Path(description="The contact's `id`.")]
FOUND = {**OPERATED, "no_such_contact": 404}
CSV = {
    "text/csv": {"schema": {"type": "string"}, "example": "chat_id,name,tags,age:number\n4711,Ada,customer;vip,36\n"}
}


async def _directory(request: Request) -> Directory:
    found: Directory = request.state.directory
    return found


@router.get("/contacts", summary="List contacts", responses=documented(OPERATED, bad_cursor=422))
async def listing(
    _: CurrentOperator,
    bot: TheBot,
    tag: Annotated[Text | None, Query(max_length=64, description="Only with this tag.")] = None,
    *,
    language: Annotated[
        Text | None, Query(max_length=35, description="Only of this language, in lower case.", examples=["de"])
    ] = None,
    opted_out: Annotated[bool | None, Query(description="Only who wants no campaigns, or who does.")] = None,
    blocked: Annotated[bool | None, Query(description="Only who has blocked the bot, or who has not.")] = None,
    q: Annotated[Text | None, Query(min_length=1, max_length=200, description="In the name, or the chat's id.")] = None,
    thread_id: Annotated[UUID | None, Query(description="Only whose thread this is.")] = None,
    channel: Annotated[Literal["telegram", "web"] | None, Query(description="Only who is reached there.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="How many on a page.")] = 50,
    cursor: Annotated[str | None, Query(max_length=300, description="`next` of the page before.")] = None,
) -> ContactPage:
    """People and groups who write from outside, or were imported; the newest first."""
    wanted = Wanted(tag, language, opted_out, blocked, q, thread_id, channel)
    contacts, following = await directory.listing(bot, wanted, limit=limit, cursor=cursor)
    return ContactPage(contacts=contacts, next=following)


@router.get("/tags", summary="Count tags", responses=documented(OPERATED))
async def tags(_: CurrentOperator, bot: TheBot) -> list[TagCount]:
    """The tags that contacts carry, the most frequent first; a thousand of them at most."""
    return await directory.tags(bot)


@router.post(
    "/imports",
    summary="Import contacts",
    responses=documented(OPERATED, bad_import=422, bot_is_off=409, contacts_contested=409, too_many_imports=429),
    openapi_extra={"requestBody": {"required": True, "content": CSV}},
)
async def bring_in(
    _: CurrentOperator, rows: Annotated[Directory, Depends(_directory)], request: Request
) -> ContactImport:
    """Contacts out of a CSV file in UTF-8, taken in as it comes; every refused line is named.

    The columns `chat_id` (needed), `name`, `language`, `tags` (several with `;`) and `opted_out`; every other one is an
    attribute, a text unless its heading ends in `:number` or `:truth`. Empty cells change nothing; tags and attributes
    are added, and nobody is opted in again. Sent again, only what differs changes.
    """
    return await directory.bring_in(rows, _pieces(request))


@router.get("/contacts/{contact_id}", summary="Read a contact", responses=documented(FOUND))
async def one(contact_id: ContactId, _: CurrentOperator, bot: TheBot) -> ContactView:
    """One contact as it is now."""
    return await directory.contact(bot, contact_id)


@router.patch(
    "/contacts/{contact_id}", summary="Change a contact", responses=documented(FOUND, too_many_attributes=422)
)
async def change(contact_id: ContactId, body: ContactChange, _: CurrentOperator, bot: TheBot) -> ContactView:
    """Set tags, language or opt-out, and some attributes; one that is null goes."""
    return await directory.change(bot, contact_id, body)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect as error:
        raise Invalid("bad_import", "the file broke off; send it again: what is in stays as it is") from error
