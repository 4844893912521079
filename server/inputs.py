"""What every body and query shares, whichever door it comes by: no unknown fields, and only text that can be kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict


def storable(text: object) -> object:
    """The same; raises ValueError for a string that PostgreSQL cannot keep. Anything but a string is left alone."""
    if isinstance(text, str):
        if "\x00" in text:
            raise ValueError("remove the NUL character")
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise ValueError("this holds half of a surrogate pair; send whole characters")
    return text


# Looked at before pydantic does, which would only say "not a valid string".
Text = Annotated[str, BeforeValidator(storable)]


class Input(BaseModel):
    """A body that people send: unknown fields are refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)
