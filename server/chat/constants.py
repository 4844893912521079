"""The words of the chat room: kinds of threads and messages, what a member may do, and the bounds."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a thread is for; it decides who may see it (`access.py`)."""

    SUPPORT = "support"
    TELEGRAM = "telegram"
    DIRECT = "direct"
    GROUP = "group"
    ROOM = "room"
    NOTES = "notes"


class Status(StrEnum):
    """Whether a thread is worked on."""

    OPEN = "open"
    ARCHIVED = "archived"


class Capability(StrEnum):
    """What a member may do in a thread; each includes the ones before it."""

    READ = "read"
    POST = "post"
    MANAGE = "manage"


class AuthorKind(StrEnum):
    """Who speaks: a signed-in user, a person outside, the assistant, or Parley itself."""

    USER = "user"
    CONTACT = "contact"
    ASSISTANT = "assistant"
    SYSTEM = "system"


class MessageStatus(StrEnum):
    """Where a message is on its way out; a message that goes nowhere else is `sent` when it is committed."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class Happening(StrEnum):
    """What is told to systems outside. A post needs no row of its own for that; the others have one (`changes.py`)."""

    POSTED = "message.posted"
    EDITED = "message.edited"
    DELETED = "message.deleted"
    REACTED = "message.reacted"
    OPENED = "thread.opened"
    CHANGED = "thread.changed"
    ASSIGNED = "thread.assigned"
    CONTACT_OPENED = "contact.opened"
    CONTACT_CHANGED = "contact.changed"


SUBJECT_CHARACTERS = 200
NAME_CHARACTERS = 64
CLIENT_ID_CHARACTERS = 128
TAG_CHARACTERS = 50
TAGS_LIMIT = 20
EMOJI_CHARACTERS = 32
REACTIONS_LIMIT = 50  # different emoji on one message
REACTORS_LIMIT = 1000  # people behind all of them; each change says the whole message again, to everybody
PAYLOAD_BYTES = 16_384
PAYLOAD_DEPTH = 64  # lists and objects within each other; whoever reads it may have a stack, too
WAIT_LIMIT_SECONDS = 30  # that a caller may wait for the assistant: proxies give up after a minute
MEMBERS_LIMIT = 1000
PAGE_LIMIT = 200
SKIP_LIMIT = 10_000  # `offset` walks rows; beyond this only a cursor is honest
