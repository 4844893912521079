"""What the chat room takes and gives over REST, as OpenAPI tells it. PostgreSQL writes answers in this form."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from server.chat.constants import (
    CLIENT_ID_CHARACTERS,
    EMOJI_CHARACTERS,
    NAME_CHARACTERS,
    PAGE_LIMIT,
    PAYLOAD_BYTES,
    PAYLOAD_DEPTH,
    SKIP_LIMIT,
    SUBJECT_CHARACTERS,
    TAG_CHARACTERS,
    TAGS_LIMIT,
    AuthorKind,
    Capability,
    Kind,
    MessageStatus,
    Status,
)
from server.inputs import Input, Text, Written, storable


def _storable_payload(payload: dict[str, Any]) -> dict[str, Any]:
    level: list[Any] = [payload]
    for _ in range(PAYLOAD_DEPTH):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            break
    else:
        raise ValueError(f"the payload may be nested {PAYLOAD_DEPTH} deep")
    try:
        size = len(json.dumps(payload, allow_nan=False))
    except ValueError as error:
        raise ValueError("JSON has no NaN and no Infinity; leave them out of the payload") from error
    if size > PAYLOAD_BYTES:
        raise ValueError(f"the payload may have {PAYLOAD_BYTES} bytes as JSON; this has {size}")
    return payload


def _inside(value: Any) -> list[Any]:
    """What a value is made of, having looked at its letters."""
    if isinstance(value, str):
        storable(value)
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _bare(tag: str) -> str:
    return tag.lower().removeprefix("#")


def _written_out(moment: object) -> object:
    if not isinstance(moment, str) or "T" not in moment.upper():
        raise ValueError("write the moment out, as in 2026-01-31T12:00:00Z")
    return moment


def _in_calendar(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("in UTC this lies outside of the years 1 to 9999") from error


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_calendar)]
Tag = Annotated[
    Text,
    Field(min_length=1, max_length=TAG_CHARACTERS),
    Written(r"^#?[\w-]+$", "a tag is made of letters, digits, `_` and `-`"),
]
Tags = Annotated[list[Tag], Field(max_length=TAGS_LIMIT)]
Subject = Annotated[Text, Field(max_length=SUBJECT_CHARACTERS)]
Emoji = Annotated[
    Text,
    Field(min_length=1, max_length=EMOJI_CHARACTERS),
    Written(r"^[^\s\x00-\x1f]+$", "send an emoji, or a word without blanks"),
]
ROOM_NAME = r"^[a-z0-9][a-z0-9_.-]*$"
RoomName = Annotated[
    Text,
    Field(min_length=1, max_length=NAME_CHARACTERS),
    Written(ROOM_NAME, "write a room's name in lower-case letters, digits, `.`, `_` and `-`, as in `tea-kitchen`"),
]


def is_room_name(name: str) -> bool:
    """Whether a room may have this name."""
    return len(name) <= NAME_CHARACTERS and re.fullmatch(ROOM_NAME, name) is not None


class ChatMessageRequest(Input):
    """A message to post. Without `thread_id` it goes into the caller's own conversation, opened on first use."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "Where is my parcel? #delivery", "client_id": "8c2f-1"}]}
    )

    text: Text = Field(description="Up to MESSAGE_CHARACTERS characters; kept in Unicode NFC, #tags are found in it.")
    thread_id: UUID | None = None
    client_id: Annotated[Text, Field(min_length=1, max_length=CLIENT_ID_CHARACTERS)] | None = Field(
        None, description="Posting the same one again returns the first message: send it with every message."
    )
    reply_to: UUID | None = Field(None, description="A message of the same thread.")
    tags: Tags = Field(default_factory=list)
    payload: Annotated[dict[str, Any], AfterValidator(_storable_payload)] | None = Field(
        None,
        description='Your own, or a file: `{"type": "photo"|"document", "file": id}` (POST /chat/file), with or '
        "without text. In threads of the kind `telegram` also `buttons`.",
    )


class MessageChange(Input):
    """What of a message changes; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "Where is my second parcel?"}]})

    text: Text | None = None
    tags: Tags | None = None


class MessageView(BaseModel):
    """A message as it is now. `number` orders a thread; `offset` is the place of its last change."""

    id: UUID
    thread_id: UUID
    number: int
    offset: int
    author_id: UUID | None
    author_kind: AuthorKind
    kind: str
    text: str
    payload: dict[str, Any] | None
    client_id: str | None
    reply_to: UUID | None
    status: MessageStatus
    tags: list[str]
    language: str | None
    reactions: dict[str, list[UUID]]
    created_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None


FileName = Annotated[Text, Field(min_length=1, max_length=NAME_CHARACTERS * 4)]


class FileView(BaseModel):
    """A file that was sent up, to be posted: `{"type": "photo", "file": id}` as the `payload` of a message."""

    id: UUID
    thread_id: UUID
    name: str
    type: str
    size: int
    created_at: datetime


class RevisionView(BaseModel):
    """What an edit or a deletion replaced."""

    text: str
    tags: list[str]
    replaced_by: UUID | None
    replaced_at: datetime


class MessageWithContext(MessageView):
    """A message, with its neighbours when `context` asked for them."""

    context: list[MessageView] | None = None


class MessageSent(MessageView):
    """A message that was posted; with `wait` also the assistant's reply, or null where none came in time."""

    reply: MessageView | None = None


class HistoryQuery(Input):
    """Which messages: of a thread, of a person's conversation, or, with neither, of the caller's own."""

    thread_id: UUID | None = Field(None, description="The thread. Left out: the caller's conversation with the house.")
    user_id: UUID | None = Field(None, description="For operators: the conversation of this person with the house.")
    limit: int = Field(50, ge=1, le=PAGE_LIMIT, description="Messages on a page.")
    offset: int = Field(0, ge=0, le=SKIP_LIMIT, description="Messages to skip; a cursor is quicker and stable.")
    before: Text | None = Field(None, max_length=20, description="The cursor `before` of a page: what came before it.")
    after: Text | None = Field(None, max_length=20, description="The cursor `after` of a page: what came after it.")
    author_id: UUID | None = Field(None, description="Only what this person wrote.")
    status: MessageStatus | None = Field(None, description="Only messages that are so far on their way out.")
    tag: Annotated[Text, Field(max_length=TAG_CHARACTERS), AfterValidator(_bare)] | None = Field(
        None, description="Only messages with this tag, with or without its `#`.", examples=["delivery"]
    )
    since: Moment | None = Field(
        None, description="Only what was posted then or later.", examples=["2026-01-31T12:00:00Z"]
    )
    until: Moment | None = Field(
        None, description="Only what was posted before.", examples=["2026-02-28T23:59:59+01:00"]
    )
    q: Text | None = Field(
        None,
        min_length=1,
        max_length=200,
        description='Full-text search, as in a search engine: words, `"a phrase"`, `or`, `-not`.',
        examples=["parcel -lost"],
    )


class HistoryPage(BaseModel):
    """Messages in the order they were posted. `before` and `after` are cursors for the next page on either side."""

    messages: list[MessageView]
    before: str | None
    after: str | None


class NewThread(Input):
    """A thread to open. `room` needs a name, `direct` exactly one other member; both are found again if they exist."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kind": "group", "subject": "Release", "members": []}]})

    kind: Kind = Kind.SUPPORT
    subject: Subject = ""
    name: RoomName | None = None
    members: list[UUID] = Field(default_factory=list, max_length=100)
    tags: Tags = Field(default_factory=list)


class ThreadChange(Input):
    """What of a thread changes; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "archived"}]})

    subject: Subject | None = None
    status: Status | None = None
    tags: Tags | None = None


class ThreadView(BaseModel):
    """A thread as the caller sees it: `unread` and `read_number` are the caller's own."""

    id: UUID
    kind: Kind
    subject: str
    status: Status
    slug: str | None
    attached_to: UUID | None
    created_by: UUID | None
    handled_by: UUID | None
    waiting_since: datetime | None
    tags: list[str]
    posted: int
    top: int
    epoch: str
    active_at: datetime
    created_at: datetime
    capability: Capability | None
    read_number: int
    unread: int
    last_message: MessageView | None


class ThreadPage(BaseModel):
    """Threads, the most recently active first; `next` is the cursor of the next page."""

    threads: list[ThreadView]
    next: str | None


class MemberChange(Input):
    """What a member may do."""

    capability: Capability = Capability.POST


class MemberView(BaseModel):
    """A member of a thread."""

    user_id: UUID
    name: str
    capability: Capability
    joined_at: datetime
    read_number: int


class ReadMark(Input):
    """How far the caller has read: the `number` of the last message seen. It never moves back."""

    number: int = Field(ge=0, le=2**53, strict=True)


class ReadView(BaseModel):
    """Where the caller's marker stands now."""

    number: int
    unread: int


class MessageEdited(MessageChange):
    """Over the socket: which message changes, and what of it."""

    message_id: UUID


class MessageDeleted(Input):
    """Over the socket: which message is deleted."""

    message_id: UUID


class ReactionMade(Input):
    """Over the socket: a reaction to a message, or with `remove` one taken back."""

    message_id: UUID
    emoji: Emoji
    remove: bool = False


class ThreadRead(ReadMark):
    """Over the socket: how far the caller has read in this thread."""

    thread_id: UUID


class ThreadTyped(Input):
    """Over the socket: where the caller types."""

    thread_id: UUID


class Taken(BaseModel):
    """Done, and nothing to add."""


class TypingNotice(Input):
    """Over the socket, without an answer: the caller types in a thread, named by its id or by its channel."""

    type: Literal["typing"] = "typing"
    thread_id: UUID | None = None
    channel: Annotated[Text, Field(max_length=255)] | None = None


class ThreadTaken(Input):
    """Over the socket: which thread is taken, or given back."""

    thread_id: UUID


class Transfer(Input):
    """To whom a thread is handed on: an operator, or an admin."""

    user_id: UUID


class ThreadTransferred(Transfer):
    """Over the socket: which thread is handed on, and to whom."""

    thread_id: UUID


class ThreadsAsked(Input):
    """Over the socket: the query of GET /chat/threads."""

    status: Status = Status.OPEN
    kind: Kind | None = None
    mine: bool = False
    waiting: bool = False
    limit: int = Field(30, ge=1, le=100)
    cursor: Text | None = Field(None, max_length=200)


class SubscriptionTokenAsked(Input):
    """Whom to let listen to a thread without being a member, and for how long."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_id": "01a205cb-3c91-741a-b772-a1b43e6bf9ff", "seconds": 3600}]}
    )

    user_id: UUID
    seconds: int = Field(3600, ge=60, le=30 * 86_400)


class SubscriptionTokenView(BaseModel):
    """A subscription token, for the `token` of `subscribe`; `channel` is what it opens."""

    token: str
    channel: str
    seconds: int
