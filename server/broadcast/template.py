"""What a campaign says: variants by language, and their texts with a person's own words in them."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from server.inputs import Input, Text

TEXT_CHARACTERS = 4096
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class Button(Input):
    """A link below the message."""

    text: Text = Field(min_length=1, max_length=64)
    url: Text = Field(min_length=1, max_length=512)


class Variant(Input):
    """The message in one language. A photo or a document is a URL, or Telegram's own id of a file."""

    text: Text = Field(min_length=1, max_length=TEXT_CHARACTERS)
    photo: Text | None = Field(None, min_length=1, max_length=512)
    document: Text | None = Field(None, min_length=1, max_length=512)
    buttons: list[Annotated[list[Button], Field(min_length=1, max_length=4)]] = Field(
        default_factory=list, max_length=8
    )


class Content(Input):
    """The message in its languages. `defaults` stand in where a person lacks a variable."""

    variants: dict[Text, Variant] = Field(min_length=1, max_length=20)
    fallback_language: Text = "en"
    defaults: dict[Text, Text] = Field(default_factory=dict)


def render(variant: Variant, variables: Mapping[str, Any]) -> str:
    """The text for one person, as Telegram's HTML."""
    return _VARIABLE.sub(lambda found: html.escape(str(variables.get(found[1], ""))), variant.text)
