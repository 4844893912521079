"""What the bot room gives over REST, as OpenAPI tells it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field


class Received(BaseModel):
    """Kept: Telegram need not send it again."""


class TelegramView(BaseModel):
    """What Telegram itself says of the bot. `error` when it does not say anything."""

    username: str | None = None
    webhook_url: str | None = Field(None, description="Empty where updates are fetched.")
    pending_updates: int | None = Field(None, description="What Telegram still has for us.")
    last_error: str | None = Field(None, description="Why it could not deliver, the last time.")
    error: str | None = None


class BotView(BaseModel):
    """Whether there is a bot, and how far it is with what came in and what goes out."""

    is_on: bool = Field(description="False without TELEGRAM_TOKEN: then everything else works, and nobody is asked.")
    bot_id: int | None
    mode: str | None = Field(description="How updates come in: `webhook`, `polling`, or `fake`, from no Telegram.")
    telegram: TelegramView | None
    last_update_at: datetime | None
    waiting_updates: int = Field(description="Kept, and not turned into messages yet.")
    dead_updates: int = Field(description="Set aside after several tries; they can be replayed.")
    waiting_relays: int = Field(description="Messages that have to go out.")
    unknown_relays: int = Field(description="Of which nobody can say whether Telegram took them.")


class DeadUpdate(BaseModel):
    """An update that could not be taken in, and why."""

    id: int
    update_id: int
    chat_id: int
    tries: int
    error: str | None
    received_at: datetime
