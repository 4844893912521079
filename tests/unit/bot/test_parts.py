"""A message becomes parts that Telegram takes, or is refused in words that help."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from server.bot.parts import Attachment, Button, Unsendable, parts_of

FILE = UUID(int=7)


def payload(**given: Any) -> str:
    return json.dumps(given)


def test_a_short_text_is_the_caption_of_its_photo_and_a_long_one_follows_it() -> None:
    photo = payload(type="photo", file=str(FILE))
    (one,) = parts_of("*look*", photo)
    assert (one.words.text, one.attachment) == ("look", Attachment("photo", file=FILE))
    first, *rest = parts_of("word " * 1000, photo)
    assert (first.words.text, first.attachment) == ("", Attachment("photo", file=FILE))
    assert [part.attachment for part in rest] == [None, None]
    assert len(parts_of("", photo)) == 1


def test_buttons_stand_below_the_last_part() -> None:
    buttons = [[{"text": "Yes", "data": "yes"}], [{"text": "Site", "url": "https://a.b"}], []]
    first, last = parts_of("word " * 1000, payload(buttons=buttons))
    assert first.buttons == ()
    assert last.buttons == ((Button("Yes", data="yes"),), (Button("Site", url="https://a.b"),))


@pytest.mark.parametrize("text", ["", "  \n"])
def test_what_has_nothing_to_show_has_no_part(text: str) -> None:
    assert parts_of(text, None) == []


def test_a_payload_of_somebody_else_is_none_of_our_business() -> None:
    (one,) = parts_of("text", payload(type=7, file={"a": 1}, delivery="x"))
    assert (one.words.text, one.attachment, one.buttons) == ("text", None, ())


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"type": "photo"}, "needs `file`"),
        ({"type": "photo", "file": "no id"}, "UUID"),
        ({"type": "document", "file": str(FILE), "file_id": "x"}, "needs `file`"),
        ({"buttons": "yes"}, "array"),
        ({"buttons": [[{"text": "x"}]]}, "either a `url` or `data`"),
        ({"buttons": [[{"text": " ", "data": "x"}]]}, "needs a `text`"),
        ({"buttons": [[{"text": "x", "data": "é" * 33}]]}, "1 to 64 bytes"),
        ({"buttons": [[{"text": "x", "data": "x"}] * 9]}, "rows"),
    ],
)
def test_what_telegram_would_refuse_is_told_in_words_that_help(given: dict[str, Any], why: str) -> None:
    with pytest.raises(Unsendable, match=why):
        parts_of("text", json.dumps(given))
