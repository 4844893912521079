"""What the bot room gives over REST, as OpenAPI tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from server.bot.constants import CHAT_IDS, NAME_CHARACTERS
from server.bot.facts import TAGS, AttributeChanges, Attributes, Language, Tag
from server.inputs import Input, Text

Tags = Annotated[list[Tag], Field(max_length=TAGS)]


class Received(BaseModel):
    """Kept: Telegram need not send it again."""


class TelegramView(BaseModel):
    """What Telegram itself says of the bot. `error` when it does not say anything."""

    username: str | None = None
    webhook_url: str | None = Field(None, description="Empty where updates are fetched.")
    pending_updates: int | None = Field(None, description="What Telegram still has for us.")
    last_error: str | None = Field(None, description="Why it could not deliver, the last time.")
    error: str | None = None


class PaceView(BaseModel):
    """How fast the bot may speak now, all processes together."""

    per_second: int = Field(description="Messages to all chats; each chat has a pace of its own below it.")
    stopped_seconds: float | None = Field(
        description="0, or for how long Telegram asked everybody to wait; null while Redis is away: nothing goes out."
    )


class BotView(BaseModel):
    """Whether there is a bot, and how far it is with what came in and what goes out."""

    is_on: bool = Field(description="False without TELEGRAM_TOKEN: then everything else works, and nobody is asked.")
    bot_id: int | None
    mode: str | None = Field(description="How updates come in: `webhook`, `polling`, or `fake`, from no Telegram.")
    telegram: TelegramView | None
    pace: PaceView | None
    last_update_at: datetime | None
    last_update_age_seconds: float | None = Field(description="Since then, by PostgreSQL's clock.")
    waiting_updates: int = Field(description="Kept, and not turned into messages yet.")
    dead_updates: int = Field(description="Set aside after several tries; they can be replayed.")
    waiting_relays: int = Field(description="Messages that have to go out.")
    unknown_relays: int = Field(description="Of which nobody can say whether Telegram took them.")


class LinkView(BaseModel):
    """For the caller alone: open it on the device where Telegram is, and press Start."""

    url: str
    expires_at: datetime


class DeadUpdate(BaseModel):
    """An update that could not be taken in, and why."""

    id: int
    update_id: int
    chat_id: int
    tries: int
    error: str | None
    received_at: datetime


class ContactView(BaseModel):
    """Somebody outside, or a group, and what is known of them. `seen_at` is null for who never wrote.

    `channel` is `telegram` or `web`. On the web there is no `chat_id`, and `seen_at` is when they opened the thread.
    """

    id: UUID
    chat_id: int | None
    channel: str
    kind: str
    name: str
    language: str | None
    opted_out: bool = Field(description="Wants no campaigns.")
    blocked: bool = Field(description="Has blocked the bot: nothing arrives.")
    tags: list[str]
    attributes: dict[str, Any]
    thread_id: UUID
    user_id: UUID | None = Field(description="The account that they proved to be theirs; on the web their own.")
    seen_at: datetime | None
    created_at: datetime


class ContactPage(BaseModel):
    """Contacts, the newest first; `next` is the cursor."""

    contacts: list[ContactView]
    next: str | None


class ContactChange(Input):
    """What of a contact changes; what is left out stays. An attribute that is null goes."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"tags": ["customer"], "attributes": {"city": "Bern", "age": None}}]}
    )

    tags: Tags | None = None
    attributes: AttributeChanges | None = None
    language: Language | None = None
    opted_out: StrictBool | None = None


class NewContact(Input):
    """One line of an import."""

    chat_id: Annotated[int, Field(ge=1, le=CHAT_IDS)]
    name: Annotated[Text, Field(max_length=NAME_CHARACTERS)] = ""
    language: Language | None = None
    tags: Tags = []
    attributes: Attributes = {}
    opted_out: bool = False


class TagCount(BaseModel):
    """How many contacts carry a tag."""

    tag: str
    count: int


class RefusedLine(BaseModel):
    """A line of the file that was not taken in, and what to do about it."""

    line: int
    reason: str


class ContactImport(BaseModel):
    """What came of an import. Sent again, what is in already counts as unchanged."""

    created: int
    updated: int
    unchanged: int
    refused: list[RefusedLine]
    stopped_at: int | None = Field(description="The line at which it stopped, if it did; what came before is in.")
