"""What every body and query shares, whichever door it comes by: no unknown fields, and only text that can be kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


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


@dataclass(frozen=True, slots=True)
class Written:
    """A pattern that a text has to fit, and what to tell whoever sends another: nobody has to read the pattern."""

    pattern: str
    words: str

    def checked(self, text: str) -> str:
        """The same; raises ValueError."""
        if re.fullmatch(self.pattern, text) is None:
            raise ValueError(self.words)
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self.pattern}


class Input(BaseModel):
    """A body that people send: unknown fields are refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)
