"""Calls to the Bot API, and what their failures mean for what was to be sent. Knows no table and no pace."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, InputFile, Message, MessageEntity, ReplyParameters
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, NetworkError, RetryAfter, TelegramError
from telegram.ext import ExtBot

from server.bot.outcomes import Delivered, Later, Moved, Outcome, Refused, Unclear
from server.bot.parts import Part
from server.bot.rendering import Words
from server.bot.wire import UNSENT, Wire

# PTB's own switch to what it will do anyway; without it every 429 is a warning, too.
os.environ.setdefault("PTB_TIMEDELTA", "true")

WANTED = ["message", "edited_message", "callback_query", "my_chat_member"]
AT_ONCE = 64  # calls of one process
CALL_SECONDS = 15.0
UPLOAD_SECONDS = 30.0  # well within the time after which a message that is `sending` is given up
FREE_PER_SECOND = 30.0  # what goes faster is paid for, and Telegram wants to be told so
REVOKED_SECONDS = 60.0  # between tries with a token that Telegram does not know
AWAY_SECONDS = 2.0
PLAINLY = "entit"  # stands in every refusal of how the words are marked
ALREADY = ("message is not modified", "message to delete not found")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of ours, on its way to Telegram."""

    name: str
    content: bytes


class Telegram:
    """One bot's way out. Opened on first use, so that a process may start while Telegram is away."""

    def __init__(self, token: str, api: str, *, is_paid: bool = False) -> None:
        self._request = Wire(AT_ONCE, CALL_SECONDS, UPLOAD_SECONDS)
        self._polls = Wire(1, CALL_SECONDS, UPLOAD_SECONDS)
        self.bot: ExtBot[None] = ExtBot(
            token,
            base_url=f"{api}/bot",
            base_file_url=f"{api}/file/bot",
            request=self._request,
            get_updates_request=self._polls,
        )
        self._is_paid = is_paid or None  # said only where it is so

    async def close(self) -> None:
        """Hang up."""
        await self._request.shutdown()
        await self._polls.shutdown()

    async def fetch(self, offset: int | None, limit: int, wait_seconds: int) -> list[dict[str, Any]]:
        """The next updates, of which those before the offset were received; raises TelegramError."""
        found = await self.bot.get_updates(offset, limit, wait_seconds, allowed_updates=WANTED)
        return [update.to_dict() for update in found]

    async def send(self, chat_id: int, part: Part, file: Upload | None = None, reply_to: int | None = None) -> Outcome:
        """Send one part, whose own file comes along; never raises for what Telegram or the network does.

        Where Telegram does not take how the words are marked, it gets them without marks.
        """
        try:
            try:
                message = await self._send(chat_id, part, file, reply_to)
            except BadRequest as error:
                if not _is_about_marks(error, part):
                    raise
                message = await self._send(chat_id, _unmarked(part), file, reply_to)
        except TelegramError as error:
            return outcome_of(error)
        return Delivered(message.message_id)

    async def _send(self, chat_id: int, part: Part, file: Upload | None, reply_to: int | None) -> Message:
        reply = None if reply_to is None else ReplyParameters(reply_to, allow_sending_without_reply=True)
        more: dict[str, Any] = {"reply_parameters": reply, "reply_markup": _keyboard(part)}
        more["allow_paid_broadcast"] = self._is_paid
        words, marks = part.words.text, _entities(part.words)
        if part.attachment is None:
            return await self.bot.send_message(chat_id, words, entities=marks, **more)
        what = InputFile(file.content, file.name) if file is not None else part.attachment.file_id
        assert what is not None
        send = self.bot.send_photo if part.attachment.kind == "photo" else self.bot.send_document
        return await send(chat_id, what, caption=words or None, caption_entities=marks, **more)

    async def edit(self, chat_id: int, telegram_id: int, part: Part) -> Outcome:
        """Give a part other words; what is attached stays."""
        try:
            try:
                await self._edit(chat_id, telegram_id, part)
            except BadRequest as error:
                if not _is_about_marks(error, part):
                    raise
                await self._edit(chat_id, telegram_id, _unmarked(part))
        except TelegramError as error:
            return _amended(error, telegram_id)
        return Delivered(telegram_id)

    async def _edit(self, chat_id: int, telegram_id: int, part: Part) -> None:
        words, marks, keyboard = part.words.text, _entities(part.words), _keyboard(part)
        if part.attachment is None:
            await self.bot.edit_message_text(words, chat_id, telegram_id, entities=marks, reply_markup=keyboard)
        else:
            await self.bot.edit_message_caption(
                chat_id, telegram_id, caption=words, caption_entities=marks, reply_markup=keyboard
            )

    async def answer(self, query_id: str) -> None:
        """Have a button stop to show that it waits. Too late, or Telegram away: then it stops by itself."""
        with suppress(TelegramError):
            await self.bot.answer_callback_query(query_id)

    async def draft(self, chat_id: int, number: int, text: str) -> Outcome | None:
        """Show what is being written, for half a minute or until the message comes; None when it is shown."""
        try:
            await self.bot.send_message_draft(chat_id, number, text)
        except TelegramError as error:
            return outcome_of(error)
        return None

    async def delete(self, chat_id: int, telegram_id: int) -> Outcome:
        """Take a piece back."""
        try:
            await self.bot.delete_message(chat_id, telegram_id)
        except TelegramError as error:
            return _amended(error, telegram_id)
        return Delivered(telegram_id)


def outcome_of(error: TelegramError) -> Outcome:
    """What the error says of the message. BadRequest and TimedOut are NetworkErrors, too: the order matters."""
    reason = error.message
    match error:
        case RetryAfter(retry_after=wait):
            seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
            return Later(seconds, reason, is_for_all=True)
        case ChatMigrated(new_chat_id=chat_id):
            return Moved(chat_id)
        case Forbidden():
            return Refused("blocked", reason)
        case BadRequest():
            return Refused("failed", reason)
        case InvalidToken():
            return Later(REVOKED_SECONDS, "Telegram does not know the bot's token: correct TELEGRAM_TOKEN")
        case NetworkError() if isinstance(error.__cause__, UNSENT):
            return Later(AWAY_SECONDS, "Telegram cannot be reached")
    return Unclear(reason)


def _entities(words: Words) -> list[MessageEntity] | None:
    return [
        MessageEntity(each.type, each.offset, each.length, url=each.url, language=each.language)
        for each in words.entities
    ] or None


def _keyboard(part: Part) -> InlineKeyboardMarkup | None:
    rows = [
        [InlineKeyboardButton(one.text, url=one.url, callback_data=one.data) for one in row] for row in part.buttons
    ]
    return InlineKeyboardMarkup(rows) if rows else None


def _is_about_marks(error: BadRequest, part: Part) -> bool:
    return bool(part.words.entities) and PLAINLY in error.message.lower()


def _unmarked(part: Part) -> Part:
    return replace(part, words=Words(part.words.text))


def _amended(error: TelegramError, telegram_id: int) -> Outcome:
    """The same of an edit or a deletion: what is so already was done, and what is unclear may be repeated."""
    outcome = outcome_of(error)
    if isinstance(outcome, Refused) and any(words in outcome.reason.lower() for words in ALREADY):
        return Delivered(telegram_id)
    return Later(AWAY_SECONDS, outcome.reason) if isinstance(outcome, Unclear) else outcome
