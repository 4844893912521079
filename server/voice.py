"""How a wrong value is told to whoever sent it: what pydantic found, in our words. Knows no field and no door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from server.errors import Fault

MOMENT = "write the moment out, with its time zone, as in 2026-01-31T12:00:00Z"
NUMBER = "give a whole number"
IDENTITY = "give a UUID, as in 01a205cb-3c91-741a-b772-a1b43e6bf9ff"
OBJECT = 'give an object, as in {{"key": "value"}}'
LIST = "give a list, as in []"
TRUTH = "give true or false"

# By pydantic's name of the error; what it says to programmers about types is of no use to a caller.
WORDS = {
    "missing": "this is required",
    "extra_forbidden": "there is no such field here: remove it, or correct its name",
    "string_type": "give a string",
    "string_too_short": "write at least {min_length} characters",
    "string_too_long": "write at most {max_length} characters",
    "string_pattern_mismatch": "write it in the form {pattern}",
    "string_unicode": "this holds half of a surrogate pair; send whole characters",
    "invalid_key": "the name of a field has to be text",
    "uuid_type": IDENTITY,
    "uuid_parsing": IDENTITY,
    "int_type": NUMBER,
    "int_parsing": NUMBER,
    "int_parsing_size": NUMBER + " that is not so large",
    "int_from_float": NUMBER,
    "float_type": "give a number",
    "float_parsing": "give a number",
    "greater_than": "this has to be more than {gt}",
    "greater_than_equal": "this has to be {ge} or more",
    "less_than_equal": "this has to be {le} or less",
    "enum": "choose {expected}",
    "literal_error": "choose {expected}",
    "bool_type": TRUTH,
    "bool_parsing": TRUTH,
    "list_type": LIST,
    "too_short": "give at least {min_length} entries",
    "too_long": "give at most {max_length} entries",
    "dict_type": OBJECT,
    "model_type": OBJECT,
    "model_attributes_type": OBJECT,
    "datetime_type": MOMENT,
    "datetime_parsing": MOMENT,
    "datetime_from_date_parsing": MOMENT,
    "datetime_object_invalid": MOMENT,
    "timezone_aware": MOMENT,
    "value_error": "{error}",
    "json_invalid": "this is not JSON: {error}",
}
LENGTHS = {"too_short", "too_long"}


def faults(errors: Iterable[Mapping[str, Any]]) -> list[Fault]:
    """Each error of a ValidationError, with the place of its value: `body.tags.2`."""
    return [Fault(".".join(str(part) for part in error["loc"]), _words(error)) for error in errors]


def summary(found: list[Fault]) -> str:
    """The first of them in one line, for who reads no list."""
    first = found[0] if found else Fault("", "the input cannot be accepted")
    return f"{first.field}: {first.message}" if first.field else first.message


def _words(error: Mapping[str, Any]) -> str:
    kind = error["type"]
    if kind in LENGTHS and isinstance(error["input"], str):
        kind = f"string_{kind}"  # pydantic forgets that it is a text when a validator of ours stands before the length
    form = WORDS.get(kind)
    if form is None:
        return str(error["msg"])
    return (
        form.format(**error.get("ctx", {})).replace(" 1 characters", " 1 character").replace(" 1 entries", " 1 entry")
    )
