"""What a Telegram update means to a conversation. Knows PTB's objects and no table; decides without waiting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from telegram import CallbackQuery, Chat, ChatMember, ChatMemberUpdated, Message, MessageEntity, User

from server.chat.text import normalised
from server.errors import Invalid

LONGEST = 65_536  # characters; Telegram's own limit is far lower
NAME_CHARACTERS = 200
OUT = frozenset({ChatMember.BANNED, ChatMember.LEFT})


@dataclass(frozen=True, slots=True)
class Outside:
    """Who writes from outside: a person, or a group."""

    chat_id: int
    kind: str
    name: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """A message from outside. `key` is Telegram's number of it in the chat, `pressed` that of a button's press."""

    outside: Outside
    key: int
    text: str
    kind: str = "text"
    payload: dict[str, Any] | None = None
    reply_key: int | None = None
    pressed: str | None = None

    @property
    def client_id(self) -> str:
        """What makes it one message, however often it comes."""
        return client_id(self.key) if self.pressed is None else f"telegram-press:{self.pressed}"


@dataclass(frozen=True, slots=True)
class Reworded:
    """A message from outside that was edited."""

    outside: Outside
    key: int
    text: str


@dataclass(frozen=True, slots=True)
class Reachable:
    """The bot was blocked or let in again: whether anything still arrives there."""

    outside: Outside
    is_reachable: bool


@dataclass(frozen=True, slots=True)
class OptedOut:
    """Somebody wants no campaigns, or wants them again."""

    outside: Outside
    has_opted_out: bool


@dataclass(frozen=True, slots=True)
class Called:
    """Somebody wants to talk with a person."""

    outside: Outside


@dataclass(frozen=True, slots=True)
class Linked:
    """Somebody came by a link that names an account. `at`: when, as Telegram has it, in seconds since 1970."""

    outside: Outside
    word: str
    at: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """Somebody says in which language they want to be answered: a code, `auto`, or nothing, which asks for it."""

    outside: Outside
    word: str


@dataclass(frozen=True, slots=True)
class Migrated:
    """A group has become a supergroup, and is at another number from now on."""

    outside: Outside
    was: int
    becomes: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What Parley itself has to say to this."""

    outside: Outside
    text: str


Heard = Said | Reworded | Reachable | OptedOut | Called | Linked | Chosen | Migrated | Answered


@dataclass
class Ear:
    """What the handlers made of one update, in order."""

    heard: list[Heard] = field(default_factory=list)
    error: BaseException | None = None


def outside_of(chat: Chat, language: str | None) -> Outside:
    """Whose thread this is: the chat's, whoever of it speaks."""
    name = chat.title or " ".join(filter(None, [chat.first_name, chat.last_name])) or chat.username or str(chat.id)
    kind = "private" if chat.type == Chat.PRIVATE else "group"
    return Outside(chat.id, kind, clean(name)[:NAME_CHARACTERS], (language or "").partition("-")[0] or None)


def said_in(message: Message, bot: User, *, is_command: bool = False) -> Said:
    """The message as the thread keeps it; in a group that is who said it, and whether the bot is meant."""
    kind, payload = _content(message)
    reply = message.reply_to_message
    author = message.from_user
    if message.chat.type != Chat.PRIVATE and author is not None:
        sender = {"id": author.id, "name": clean(author.full_name)}
        payload = {**(payload or {}), "sender": sender, "addressed": is_command or _is_meant(message, bot)}
    return Said(
        outside_of(message.chat, author.language_code if author else None),
        message.message_id,
        clean(
            message.text or message.caption or (f"{message.dice.emoji} {message.dice.value}" if message.dice else "")
        ),
        kind,
        payload,
        reply.message_id if reply is not None else None,
    )


def _is_meant(message: Message, bot: User) -> bool:
    """Whether the bot is answered or named."""
    reply = message.reply_to_message
    if reply is not None and reply.from_user is not None and reply.from_user.id == bot.id:
        return True
    kinds: list[str | None] = [MessageEntity.MENTION, MessageEntity.TEXT_MENTION, MessageEntity.BOT_COMMAND]
    named = {**message.parse_entities(kinds), **message.parse_caption_entities(kinds)}
    return any(
        entity.user.id == bot.id if entity.user is not None else words.lower().endswith(f"@{bot.username}".lower())
        for entity, words in named.items()
    )


def migration(message: Message) -> Migrated | None:
    """What Telegram says in the old group and again in the new one; None for any other message."""
    outside = outside_of(message.chat, None)
    if message.migrate_to_chat_id is not None:
        return Migrated(outside, message.chat.id, message.migrate_to_chat_id)
    if message.migrate_from_chat_id is not None:
        return Migrated(outside, message.migrate_from_chat_id, message.chat.id)
    return None


def pressed_in(query: CallbackQuery) -> Said | None:
    """The press of a button as the thread keeps it; None for a button that stands in no chat of ours."""
    if query.message is None:
        return None
    data, label = query.data or "", None
    if isinstance(query.message, Message) and query.message.reply_markup is not None:
        buttons = [button for row in query.message.reply_markup.inline_keyboard for button in row]
        label = next((button.text for button in buttons if button.callback_data == data), None)
    payload: dict[str, Any] = {"data": data}
    if query.message.chat.type != Chat.PRIVATE:
        payload["sender"] = {"id": query.from_user.id, "name": clean(query.from_user.full_name)}
    return Said(
        outside_of(query.message.chat, query.from_user.language_code),
        query.message.message_id,
        clean(label or data),
        "button",
        payload,
        query.message.message_id,
        query.id,
    )


def client_id(key: int) -> str:
    """Under what a message with this number is kept."""
    return f"telegram:{key}"


def membership(change: ChatMemberUpdated) -> Reachable:
    """What became of the bot's place in the chat."""
    outside = outside_of(change.chat, change.from_user.language_code)
    return Reachable(outside, change.new_chat_member.status not in OUT)


def clean(text: str) -> str:
    """As messages are kept; what has no visible character is empty."""
    try:
        return normalised(text.replace("\x00", ""), LONGEST)
    except Invalid:
        return ""


def _content(message: Message) -> tuple[str, dict[str, Any] | None]:
    """What kind of message it is, and what of it is not text."""
    if message.photo:
        largest = message.photo[-1]
        return "photo", {"file_id": largest.file_id, "width": largest.width, "height": largest.height}
    for kind in ("document", "voice", "audio", "video", "video_note", "sticker"):
        found = getattr(message, kind)
        if found is not None:
            wanted = {"file_id", "file_name", "mime_type", "file_size", "duration", "emoji"}
            return kind, {name: value for name, value in found.to_dict().items() if name in wanted}
    if message.location is not None:
        return "location", {"latitude": message.location.latitude, "longitude": message.location.longitude}
    if message.contact is not None:
        return "contact", {"phone_number": message.contact.phone_number, "name": message.contact.first_name}
    return "text", None
