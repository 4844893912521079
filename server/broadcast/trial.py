"""What a campaign would say, before it says it: to a sample, to one person, and as a test that is counted nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from server import clock, ids
from server.auth.policy import Caller
from server.bot.outcomes import Delivered, Later, Refused
from server.broadcast import statements
from server.broadcast.client import Client, Revoked
from server.broadcast.constants import SAMPLE, DeliveryState
from server.broadcast.message import call_of, rendered, words_of
from server.broadcast.models import CampaignEvent
from server.broadcast.pace import Share
from server.broadcast.people import people, rules
from server.broadcast.schemas import AudienceView, Person, TestView
from server.broadcast.service import Broadcast, one, plain, reach
from server.broadcast.template import Content, Rendered
from server.chat.constants import AuthorKind
from server.chat.journal import Draft, Journal
from server.database import Database, Transaction
from server.errors import Conflict, Invalid, Missing, Unavailable

PATIENCE_SECONDS = 5.0

Row = Any


@dataclass(frozen=True, slots=True)
class Trial:
    """What a test is sent with; without a bot there is neither client nor share."""

    database: Database
    journal: Journal
    client: Client | None
    share: Share | None


async def audience(tx: Transaction, room: Broadcast, campaign_id: UUID) -> AudienceView:
    """How many it would reach, and what some would read."""
    found = await one(tx, campaign_id)
    wanted, values = people(rules.validate_python(found.audience), room.bot_id, first=1)
    count = await reach(room, found.audience)
    async with room.database.connection() as connection:
        rows = await connection.fetch(statements.SAMPLED.format(people=wanted, limit=SAMPLE), *values)
    content = Content.model_validate(found.content)
    return AudienceView(count=count, sample=[_person(content, row, msgspec.json.decode) for row in rows])


async def preview(tx: Transaction, campaign_id: UUID, contact_id: UUID) -> Person:
    """What this person would read."""
    found = await one(tx, campaign_id)
    return _person(Content.model_validate(found.content), await _contact(tx, contact_id), _as_it_is)


async def send(trial: Trial, caller: Caller, campaign_id: UUID, contact_id: UUID) -> TestView:
    """Send it now, with no transaction open; raises Missing, Invalid, Conflict without a bot."""
    async with trial.database.transaction() as tx:
        found = await one(tx, campaign_id)
        row = await _contact(tx, contact_id)
        content = Content.model_validate(found.content)
        message = rendered(content, row["language"], {"name": row["name"], **row["attributes"]})
        tx.session.add(CampaignEvent(campaign_id=found.id, act="tested", by=caller.user, detail=str(contact_id)))
    if row["channel"] != "telegram":
        await trial.journal.post(Draft(ids.new(), row["thread_id"], None, AuthorKind.SYSTEM, words_of(message)))
        return TestView(state=DeliveryState.SENT, reason=None)
    return await _call(trial, row["chat_id"], message)


async def _call(trial: Trial, chat_id: int, message: Rendered) -> TestView:
    if trial.client is None or trial.share is None:
        raise Conflict("bot_is_off", "there is no bot: set TELEGRAM_TOKEN")
    if not await trial.share.again(is_paid=False, until=clock.monotonic() + PATIENCE_SECONDS):
        raise Unavailable("bot_busy", "the bot has no place free; repeat in a moment", retry_after=5.0)
    method, fields = call_of(chat_id, message, is_paid=False)
    try:
        outcome = await trial.client.call(method, fields)
    except Revoked:
        return TestView(state=DeliveryState.FAILED, reason="Telegram does not know the bot's token")
    match outcome:
        case Delivered():
            return TestView(state=DeliveryState.SENT, reason=None)
        case Refused(status=status, reason=reason):
            return TestView(state=DeliveryState(status), reason=reason)
        case Later(reason=reason):
            return TestView(state=DeliveryState.FAILED, reason=reason)
    return TestView(state=DeliveryState.UNKNOWN, reason=getattr(outcome, "reason", None))


def _person(content: Content, row: Row, read: Any) -> Person:
    shown = {"contact_id": row["id"], "name": row["name"], "language": row["language"]}
    try:
        text = rendered(content, row["language"], {"name": row["name"], **read(row["attributes"])}).text
    except Invalid as error:
        return Person(**shown, text=None, problem=error.detail)
    return Person(**shown, text=text, problem=None)


def _as_it_is(value: Any) -> Any:
    return value


async def _contact(tx: Transaction, contact_id: UUID) -> Row:
    connection = await plain(tx)
    row: Row | None = await connection.fetchrow(statements.CONTACT, contact_id)
    if row is None:
        raise Missing("no_such_contact", "there is no such contact")
    return row
