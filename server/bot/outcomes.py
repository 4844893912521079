"""What became of something that was to be sent to Telegram."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivered:
    """Telegram took it, under this number."""

    telegram_id: int


@dataclass(frozen=True, slots=True)
class Later:
    """Surely not taken: try again after so many seconds. Everybody has to wait when `is_for_all`."""

    seconds: float
    reason: str
    is_for_all: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """Surely not taken: the group has another number now."""

    chat_id: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Surely not taken, and never will be: `blocked` by who was to receive it, or `failed` for itself."""

    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nobody knows whether Telegram took it."""

    reason: str


Outcome = Delivered | Later | Moved | Refused | Unclear
