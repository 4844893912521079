"""What is done to a text before it is kept: one form of Unicode, no control characters, its #tags, its kind. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from server.chat.constants import TAG_CHARACTERS, TAGS_LIMIT
from server.errors import Invalid

TEXT = "text"
FILES = ("photo", "document")

# A tag starts after a blank or a bracket, so that an address' #fragment is not one; it needs one letter.
_TAG = re.compile(r"(?:^|(?<=[\s(\[{,;]))#(?=[\w-]*[^\W\d_])([\w][\w-]*)")
_FORBIDDEN = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")


def normalised(text: str, limit_characters: int) -> str:
    """NFC, line ends as \\n, no control characters, no blank ends. Raises Invalid when empty, too long or not text."""
    if text.isascii() and text.isprintable():  # most are: nothing to look for
        return _within(text.strip(), limit_characters)
    if "\x00" in text:
        raise Invalid("nul_character", "remove the NUL character from the text")
    if not text.isascii():
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise Invalid("lone_surrogate", "the text holds half of a surrogate pair; send whole characters")
        text = unicodedata.normalize("NFC", text)
    return _within(_FORBIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip(), limit_characters)


def _within(text: str, limit_characters: int) -> str:
    if not text:
        raise Invalid("empty_text", "write at least one visible character")
    if len(text) > limit_characters:
        raise Invalid("text_too_long", f"the text may have {limit_characters} characters; this has {len(text)}")
    return text


def kind_of(payload: Mapping[str, Any] | None) -> str:
    """What kind of message this payload makes: a photo or a document needs no words."""
    if payload is not None and payload.get("type") in FILES and ("file" in payload or "file_id" in payload):
        return str(payload["type"])
    return TEXT


def tags_in(text: str) -> list[str]:
    """The #tags of a text, lower-case, in order, each once; at most TAGS_LIMIT."""
    if "#" not in text:
        return []
    found = (match.lower() for match in _TAG.findall(text))
    return list(dict.fromkeys(tag for tag in found if len(tag) <= TAG_CHARACTERS))[:TAGS_LIMIT]


def bare_tags(given: list[str]) -> list[str]:
    """Tags as they are kept: lower-case, without the `#`, each once."""
    return list(dict.fromkeys(tag.lower().removeprefix("#") for tag in given))


def merged_tags(text: str, given: list[str]) -> list[str]:
    """The caller's tags first, then those written in the text, each once. Raises Invalid when there are too many."""
    tags = list(dict.fromkeys([*bare_tags(given), *tags_in(text)]))
    if len(tags) > TAGS_LIMIT:
        raise Invalid("too_many_tags", f"a message may carry {TAGS_LIMIT} tags; this has {len(tags)}")
    return tags
