"""The words of the assistant: who carries its answers, what came of a question, and the bounds."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

# Whose messages the assistant's are. Nobody signs in as it, and no user has this id: it is not of the seventh version.
ASSISTANT = UUID("00000000-0000-4000-8000-00000000a551")


class Carrier(StrEnum):
    """Who finds the words of an answer."""

    KNOWLEDGE = "knowledge"
    LLM = "llm"
    NONE = "none"


class Path(StrEnum):
    """What came of a question. Those after `offer` called a person."""

    ANSWER = "answer"
    CHOSEN = "chosen"
    COURTESY = "courtesy"
    OFFER = "offer"
    ASKED = "asked"
    UNSURE = "unsure"
    MISSES = "misses"
    ERROR = "error"
    TIMEOUT = "timeout"
    EMPTY = "empty"
    NOBODY = "nobody"


CALLING = frozenset({Path.ASKED, Path.UNSURE, Path.MISSES, Path.ERROR, Path.TIMEOUT, Path.EMPTY, Path.NOBODY})

KEY_CHARACTERS = 100
LANGUAGE_PATTERN = r"^[a-z]{2,3}$"
TITLE_CHARACTERS = 200
TEXT_CHARACTERS = 3_000  # with its title and a line about its source it is one message
IMPORT_LIMIT = 500  # articles at once
PAGE_LIMIT = 200
HITS_LIMIT = 3  # articles that are offered
OFFERS_LIMIT = 2  # in a row, before a person is called
QUESTION_CHARACTERS = 1_000  # of a question are looked at
# PostgreSQL's words for the languages that it can stem; any other is searched word by word.
STEMMED = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}


def stems_of(language: str) -> str:
    """The text search configuration for a language."""
    return STEMMED.get(language, "simple")
