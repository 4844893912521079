"""The form of what is known of a contact: tags, a language, attributes, among them a time zone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, TypeAlias
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError, WithJsonSchema

from server import voice
from server.errors import Invalid
from server.inputs import Text, Written, storable

WORD_CHARACTERS = 64  # of a tag, or of an attribute's name
VALUE_CHARACTERS = 500  # of an attribute's value: a fact, no text
TAGS = 50  # of a contact
ATTRIBUTES = 100  # of a contact
TIMEZONE = "timezone"  # the attribute that says in which hours a person lives
LARGEST = 10**15  # of a number; beyond, readers of JSON round differently
VALUE_WORDS = f"give a text of at most {VALUE_CHARACTERS} characters, a number up to {LARGEST}, true or false"
NAME_WORDS = "begin with a letter, go on with letters of a to z, digits and `_`: `first_name`"
LANGUAGE_WORDS = "give a language as Telegram does: `de`, or `pt-br`"

ZONE_WORDS = "name a time zone as in `Europe/Zurich`"

Scalar: TypeAlias = str | int | float | bool


def scalar(value: object) -> Scalar:
    """The same; raises ValueError for what no attribute may be."""
    if isinstance(value, str) and len(value) <= VALUE_CHARACTERS:
        return str(storable(value))
    if isinstance(value, bool | int | float) and abs(value) <= LARGEST:  # neither infinite nor NaN
        return value
    raise ValueError(VALUE_WORDS)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_zone(name: object) -> bool:
    """Whether there is a time zone of this name."""
    return isinstance(name, str) and name in _zones()


def zone(name: str) -> str:
    """The same; raises ValueError for what is no time zone."""
    if not is_zone(name):
        raise ValueError(ZONE_WORDS)
    return name


def _in_a_zone(attributes: dict[str, Any]) -> dict[str, Any]:
    if attributes.get(TIMEZONE) is not None and not is_zone(attributes[TIMEZONE]):
        raise ValueError(f"`{TIMEZONE}`: {ZONE_WORDS}")
    return attributes


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
Attributes = Annotated[dict[AttributeName, Value], Field(max_length=ATTRIBUTES), AfterValidator(_in_a_zone)]
AttributeChanges = Annotated[
    dict[AttributeName, Value | None], Field(max_length=ATTRIBUTES), AfterValidator(_in_a_zone)
]
Zone = Annotated[Text, Field(max_length=64), AfterValidator(zone)]

_CHANGES: TypeAdapter[dict[str, Scalar | None]] = TypeAdapter(AttributeChanges)


def attribute_changes(found: Mapping[str, object]) -> dict[str, Scalar | None]:
    """The same, for whoever comes by no door of ours; raises Invalid with the name of the first that is wrong."""
    try:
        return _CHANGES.validate_python(dict(found))
    except ValidationError as error:
        raise Invalid("invalid_input", f"attributes.{voice.summary(voice.faults(error.errors()))}") from error
