"""A Telegram of our own: chats, what was said in them, faults as told. Knows no method of the Bot API and no wire."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import OrderedDict, defaultdict, deque
from dataclasses import dataclass, field, replace
from typing import Any

from bots.fake.meter import Meter

LINES_LIMIT = 10_000  # of a chat, on either side; the oldest are forgotten
FILES_BYTES = 200_000_000  # of all photos and documents; the oldest are forgotten
QUERIES_LIMIT = 1_000  # pressed buttons that the bot may still answer


@dataclass(frozen=True, slots=True)
class Fault:
    """What the next call about a chat meets. `takes`: the message arrives all the same; `drops`: no answer comes."""

    status: int = 200
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    takes: bool = False
    drops: bool = False
    delay_seconds: float = 0.0


def flooded(seconds: int) -> Fault:
    """429, as the Bot API words it."""
    return Fault(429, f"Too Many Requests: retry after {seconds}", {"retry_after": seconds})


def migrated(chat_id: int) -> Fault:
    """The group has become a supergroup."""
    text = "Bad Request: group chat was upgraded to a supergroup chat"
    return Fault(400, text, {"migrate_to_chat_id": chat_id})


BLOCKED = Fault(403, "Forbidden: bot was blocked by the user")
NO_CHAT = Fault(400, "Bad Request: chat not found")
NO_ENTITIES = Fault(400, "Bad Request: can't parse entities: unexpected end of the entity")
BROKEN = Fault(502, "Bad Gateway")
AMBIGUOUS = Fault(takes=True, drops=True)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that arrived in a chat. `kind` is `text`, `photo` or `document`, whose `text` is the caption."""

    message_id: int
    chat_id: int
    text: str
    at: float
    reply_to: int | None = None
    kind: str = "text"
    file_id: str | None = None
    entities: tuple[dict[str, Any], ...] = ()
    buttons: tuple[tuple[dict[str, Any], ...], ...] = ()
    is_edited: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that Telegram keeps."""

    file_id: str
    name: str
    mime: str
    content: bytes


class World:
    """Everything that this Telegram knows. One bot, whatever its token."""

    def __init__(self, *, first: int = 1, meter: Meter | None = None) -> None:
        """Numbers begin with `first`: who starts anew takes one that was never reached before, as Telegram would."""
        self.sent: dict[int, list[Sent]] = defaultdict(list)
        self.written: dict[int, list[Sent]] = defaultdict(list)  # by people
        self.people: dict[int, dict[str, Any]] = {}
        self.faults: dict[int, deque[Fault]] = defaultdict(deque)
        self.blocked: set[int] = set()
        self.drafts: dict[int, str] = {}
        self.toasts: dict[int, str] = {}  # what the bot said to the last press of a button
        self.queries: OrderedDict[str, int] = OrderedDict()
        self.files: OrderedDict[str, Stored] = OrderedDict()
        self.webhook: dict[str, Any] = {}
        self.last_error: str | None = None
        self.updates: deque[dict[str, Any]] = deque()
        self.commands: Any = None
        self.arrived = asyncio.Event()
        self.meter = meter
        self.bot_id = 0
        self.is_over = False
        self.version = first
        self._stirred = asyncio.Event()
        self._numbers = itertools.count(first)

    def number(self) -> int:
        """The next one: of a message, an update, a file."""
        return next(self._numbers)

    def write(self, chat: dict[str, Any], **content: Any) -> dict[str, Any]:
        """Somebody writes: one update, for whoever asks or for the webhook; returns it."""
        message_id = self.number()
        content = {**content, **_commands_in(content.get("text", ""))}
        message = {
            "message_id": message_id,
            "date": int(time.time()),
            "chat": chat,
            "from": person_of(chat),
            **content,
        }
        text = content.get("text", content.get("caption", ""))
        reply_to = (content.get("reply_to_message") or {}).get("message_id")
        kind, file_id = _file_in(content)
        self._note(
            self.written, Sent(message_id, chat["id"], text, time.monotonic(), reply_to, kind=kind, file_id=file_id)
        )
        self.people.setdefault(chat["id"], chat)
        return self.happens(message=message)

    def reword(self, chat: dict[str, Any], message_id: int, text: str) -> dict[str, Any]:
        """Somebody edits what they wrote."""
        there = self.written[chat["id"]]
        there[:] = [replace(one, text=text, is_edited=True) if one.message_id == message_id else one for one in there]
        now = int(time.time())
        edited = {"message_id": message_id, "date": now, "edit_date": now, "chat": chat, "from": person_of(chat)}
        return self.happens(edited_message={**edited, "text": text})

    def press(self, chat: dict[str, Any], message_id: int, data: str) -> dict[str, Any]:
        """Somebody presses a button below a message of the bot's."""
        query = str(self.number())
        self.queries[query] = chat["id"]
        while len(self.queries) > QUERIES_LIMIT:
            self.queries.popitem(last=False)
        message: dict[str, Any] = {"message_id": message_id, "date": int(time.time()), "chat": chat}
        below = next((one.buttons for one in self.sent[chat["id"]] if one.message_id == message_id), ())
        if below:
            message["reply_markup"] = {"inline_keyboard": below}
        pressed = {"id": query, "from": person_of(chat), "chat_instance": str(chat["id"]), "data": data}
        return self.happens(callback_query={**pressed, "message": message})

    def block(self, chat: dict[str, Any], *, is_blocked: bool) -> dict[str, Any]:
        """Somebody blocks the bot, or lets it in again."""
        (self.blocked.add if is_blocked else self.blocked.discard)(chat["id"])
        bot = {"id": self.bot_id, "is_bot": True, "first_name": "Parley"}
        inside, outside = {"user": bot, "status": "member"}, {"user": bot, "status": "kicked", "until_date": 0}
        before, after = (inside, outside) if is_blocked else (outside, inside)
        change = {"chat": chat, "from": person_of(chat), "date": int(time.time())}
        return self.happens(my_chat_member={**change, "old_chat_member": before, "new_chat_member": after})

    def happens(self, **what: Any) -> dict[str, Any]:
        """Any update."""
        update = {"update_id": self.number(), **what}
        self.updates.append(update)
        self.arrived.set()
        self.stir()
        return update

    def take(self, one: Sent) -> None:
        """A message of the bot's arrives."""
        self._note(self.sent, one)
        self.drafts.pop(one.chat_id, None)
        self.stir()

    def keep(self, name: str, mime: str, content: bytes) -> Stored:
        """A file, for as long as there is room."""
        one = Stored(f"file{self.number()}", name, mime, content)
        self.files[one.file_id] = one
        while sum(len(each.content) for each in self.files.values()) > FILES_BYTES and len(self.files) > 1:
            self.files.popitem(last=False)
        return one

    def end(self) -> None:
        """Whoever waits for something is let go, and nobody waits any more."""
        self.is_over = True
        self.arrived.set()
        self.stir()

    def stir(self) -> None:
        """Something is different from before: whoever watches looks again."""
        self.version += 1
        self._stirred.set()
        self._stirred = asyncio.Event()

    async def stirred(self, seen: int, seconds: float) -> None:
        """Return when the version is another one than was seen, or when the time is over."""
        if self.version == seen and not self.is_over:
            try:
                await asyncio.wait_for(self._stirred.wait(), seconds)
            except TimeoutError:
                return

    def _note(self, side: dict[int, list[Sent]], one: Sent) -> None:
        side[one.chat_id].append(one)
        del side[one.chat_id][:-LINES_LIMIT]


def person_of(chat: dict[str, Any]) -> dict[str, Any]:
    """Who writes in this chat."""
    name = chat.get("first_name", "Ada")
    return {"id": abs(chat["id"]), "is_bot": False, "first_name": name, "language_code": "en"}


def _file_in(content: dict[str, Any]) -> tuple[str, str | None]:
    if "photo" in content:
        return "photo", content["photo"][-1]["file_id"]  # the largest
    return ("document", content["document"]["file_id"]) if "document" in content else ("text", None)


def _commands_in(text: str) -> dict[str, Any]:
    if not text.startswith("/"):
        return {}
    return {"entities": [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]}
