"""The form of what is known of a contact: tags, a language, attributes. Knows no table and no door."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from server.inputs import Text, Written, storable

WORD_CHARACTERS = 64  # of a tag, or of an attribute's name
VALUE_CHARACTERS = 500  # of an attribute's value: a fact, no text
LARGEST = 10**15  # of a number; beyond, readers of JSON round differently
VALUE_WORDS = f"give a text of at most {VALUE_CHARACTERS} characters, a number up to {LARGEST}, true or false"
NAME_WORDS = "begin with a letter, go on with letters of a to z, digits and `_`: `first_name`"
LANGUAGE_WORDS = "give a language as Telegram does: `de`, or `pt-br`"

Scalar: TypeAlias = str | int | float | bool


def scalar(value: object) -> Scalar:
    """The same; raises ValueError for what no attribute may be."""
    if isinstance(value, str) and len(value) <= VALUE_CHARACTERS:
        return str(storable(value))
    if isinstance(value, bool | int | float) and abs(value) <= LARGEST:  # neither infinite nor NaN
        return value
    raise ValueError(VALUE_WORDS)


def _visible(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise ValueError("write it without spaces at its ends, and without line breaks")
    return text


VALUE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "maxLength": VALUE_CHARACTERS},
        {"type": "number", "minimum": -LARGEST, "maximum": LARGEST},
        {"type": "boolean"},
    ]
}
Value = Annotated[Any, BeforeValidator(scalar), WithJsonSchema(VALUE_SCHEMA)]
AttributeName = Annotated[Text, Field(max_length=WORD_CHARACTERS), Written(r"^[A-Za-z][A-Za-z0-9_]*$", NAME_WORDS)]
Tag = Annotated[Text, Field(min_length=1, max_length=WORD_CHARACTERS), AfterValidator(_visible)]
Language = Annotated[
    Text,
    Field(max_length=35),
    Written(r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$", LANGUAGE_WORDS),
    AfterValidator(lambda text: text.lower().replace("_", "-")),
]
