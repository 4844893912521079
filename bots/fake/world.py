"""A Telegram of our own: chats, what the bot sent to them, faults as told, and a meter of the rates. Knows no wire."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace
from typing import Any


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
BROKEN = Fault(502, "Bad Gateway")
AMBIGUOUS = Fault(takes=True, drops=True)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that arrived in a chat."""

    message_id: int
    chat_id: int
    text: str
    at: float
    reply_to: int | None = None
    photo: str | None = None
    document: str | None = None
    buttons: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered with; `drops` cuts the connection instead."""

    status: int
    body: dict[str, Any]
    drops: bool = False


def failure(status: int, description: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    """The form of every refusal."""
    more = {"parameters": parameters} if parameters else {}
    return {"ok": False, "error_code": status, "description": description, **more}


class World:
    """Everything that this Telegram knows. One bot, whatever its token."""

    def __init__(self) -> None:
        self.sent: dict[int, list[Sent]] = defaultdict(list)
        self.faults: dict[int, deque[Fault]] = defaultdict(deque)
        self.calls: list[float] = []
        self.webhook: dict[str, Any] = {}
        self.last_error: str | None = None
        self.updates: deque[dict[str, Any]] = deque()
        self.commands: Any = None
        self.arrived = asyncio.Event()
        self._numbers = itertools.count(1)

    def write(self, chat: dict[str, Any], **content: Any) -> dict[str, Any]:
        """Somebody writes: one update, for whoever asks or for the webhook; returns it."""
        person = {"id": abs(chat["id"]), "is_bot": False, "first_name": chat.get("first_name", "Ada")}
        person["language_code"] = "en"
        message = {"message_id": next(self._numbers), "date": int(time.time()), "chat": chat, "from": person, **content}
        return self.happens(message=message)

    def happens(self, **what: Any) -> dict[str, Any]:
        """Any update."""
        update = {"update_id": next(self._numbers), **what}
        self.updates.append(update)
        self.arrived.set()
        return update

    def peak(self, seconds: float, chat_id: int | None = None) -> int:
        """The most messages in any such span of time, to one chat or to all."""
        moments = sorted(one.at for chat, all_of in self.sent.items() if chat_id in (None, chat) for one in all_of)
        return max((sum(at <= other < at + seconds for other in moments) for at in moments), default=0)

    async def call(self, token: str, method: str, given: dict[str, Any]) -> Answer:
        """Answer as the Bot API does."""
        action = getattr(self, f"_{method.lower()}", None)
        if action is None:
            return Answer(404, failure(404, "Not Found"))
        chat_id = int(given.get("chat_id", 0))
        waiting = self.faults.get(chat_id)
        fault = waiting.popleft() if waiting else Fault()
        if fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
        if fault.status != 200:
            return Answer(fault.status, failure(fault.status, fault.description, fault.parameters))
        result = await action(token, given)
        return Answer(200, {"ok": True, "result": result}, fault.drops)

    async def _getme(self, token: str, _: dict[str, Any]) -> Any:
        return {"id": int(token.partition(":")[0]), "is_bot": True, "first_name": "Parley", "username": "parley_bot"}

    async def _sendmessage(self, _: str, given: dict[str, Any]) -> Any:
        reply = given.get("reply_parameters")
        one = Sent(
            next(self._numbers),
            int(given["chat_id"]),
            given.get("text") or given.get("caption", ""),
            time.monotonic(),
            reply["message_id"] if reply else None,
            given.get("photo"),
            given.get("document"),
            (given.get("reply_markup") or {}).get("inline_keyboard"),
        )
        self.sent[one.chat_id].append(one)
        kind = "private" if one.chat_id > 0 else "group"
        chat = {"id": one.chat_id, "type": kind, "first_name": "x"}
        return {"message_id": one.message_id, "date": int(time.time()), "chat": chat, "text": one.text}

    _sendphoto = _senddocument = _sendmessage

    async def _editmessagetext(self, _: str, given: dict[str, Any]) -> Any:
        there = self.sent[int(given["chat_id"])]
        (place,) = [place for place, one in enumerate(there) if one.message_id == int(given["message_id"])]
        there[place] = replace(there[place], text=given["text"])
        return True

    async def _deletemessage(self, _: str, given: dict[str, Any]) -> Any:
        there = self.sent[int(given["chat_id"])]
        there[:] = [one for one in there if one.message_id != int(given["message_id"])]
        return True

    async def _setwebhook(self, _: str, given: dict[str, Any]) -> Any:
        self.webhook = given if given.get("url") else {}
        self.arrived.set()
        return True

    async def _deletewebhook(self, _: str, __: dict[str, Any]) -> Any:
        self.webhook = {}
        return True

    async def _getwebhookinfo(self, _: str, __: dict[str, Any]) -> Any:
        info = {"url": self.webhook.get("url", ""), "has_custom_certificate": False}
        return {**info, "pending_update_count": len(self.updates), "last_error_message": self.last_error or ""}

    async def _setmycommands(self, _: str, given: dict[str, Any]) -> Any:
        self.commands = given.get("commands")
        return True

    async def _getupdates(self, _: str, given: dict[str, Any]) -> Any:
        """What has an offset was received up to there; waits as long as asked for the first one."""
        offset = int(given.get("offset", 0))
        while self.updates and self.updates[0]["update_id"] < offset:
            self.updates.popleft()
        if not self.updates and (seconds := float(given.get("timeout", 0))):
            self.arrived.clear()
            try:
                await asyncio.wait_for(self.arrived.wait(), seconds)
            except TimeoutError:
                return []
        return list(self.updates)[: int(given.get("limit", 100))]
