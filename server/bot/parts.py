"""What one message of a thread becomes on Telegram: one part or several, in order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import msgspec

from server.bot.rendering import Words, rendered
from server.bot.splitting import spans, units

CAPTION_UNITS = 1024
DATA_BYTES = 64
ROWS_LIMIT, BUTTONS_LIMIT = 50, 8  # of rows, and in one of them; Telegram shows no more
KINDS = ("photo", "document")


class Unsendable(Exception):
    """The message cannot be shown on Telegram; the text says what to correct in its payload."""


@dataclass(frozen=True, slots=True)
class Button:
    """Below a message: opens a page, or tells the bot that it was pressed."""

    text: str
    url: str | None = None
    data: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A photo or a document: one that Telegram has already (`file_id`), or one of ours."""

    kind: str
    file_id: str | None = None
    file: UUID | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One message on Telegram. With an attachment, the words are its caption."""

    words: Words
    attachment: Attachment | None = None
    buttons: tuple[tuple[Button, ...], ...] = ()


class _Button(msgspec.Struct):
    text: str
    url: str | None = None
    data: str | None = None


class _Payload(msgspec.Struct):
    """Of a payload, what Telegram can show; whatever else is in it is the applications' own."""

    type: str | None = None
    file: UUID | None = None
    file_id: str | None = None
    buttons: list[list[_Button]] = []


def parts_of(text: str, payload: str | None) -> list[Part]:
    """The parts; none for a message with nothing to show. Raises Unsendable for a payload that Telegram cannot take."""
    read = _payload(payload)
    attachment = _attachment(read)
    words = rendered(text)
    parts = [Part(words.between(*span)) for span in spans(words.text)]
    if attachment is not None and len(parts) == 1 and units(parts[0].words.text) <= CAPTION_UNITS:
        parts = [replace(parts[0], attachment=attachment)]
    elif attachment is not None:  # a long text follows it
        parts = [Part(Words(""), attachment), *parts]
    buttons = _rows(read.buttons)
    return [*parts[:-1], replace(parts[-1], buttons=buttons)] if parts and buttons else parts


def _payload(payload: str | None) -> _Payload:
    if payload is None:
        return _Payload()
    try:
        given: dict[str, Any] = msgspec.json.decode(payload)
        mine = given if given.get("type") in KINDS else {"buttons": given.get("buttons", [])}
        return msgspec.convert(mine, _Payload)
    except msgspec.ValidationError as error:
        raise Unsendable(f"its payload cannot be sent: {error}") from error


def _attachment(payload: _Payload) -> Attachment | None:
    if payload.type is None:
        return None
    if (payload.file is None) is (payload.file_id is None):
        raise Unsendable(f"a {payload.type} needs `file`, one of ours, or `file_id`, one of Telegram's")
    return Attachment(payload.type, payload.file_id, payload.file)


def _rows(given: Sequence[Sequence[_Button]]) -> tuple[tuple[Button, ...], ...]:
    if len(given) > ROWS_LIMIT or any(len(row) > BUTTONS_LIMIT for row in given):
        raise Unsendable(f"buttons stand in {ROWS_LIMIT} rows of {BUTTONS_LIMIT}, and no more")
    for one in (one for row in given for one in row):
        if not one.text.strip() or (one.url is None) is (one.data is None):
            raise Unsendable("a button needs a `text`, and either a `url` or `data`")
        if one.data is not None and not 1 <= len(one.data.encode()) <= DATA_BYTES:
            raise Unsendable(f"the `data` of a button has 1 to {DATA_BYTES} bytes")
    return tuple(tuple(Button(one.text, one.url, one.data) for one in row) for row in given if row)
