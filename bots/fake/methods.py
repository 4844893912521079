"""The methods of the Bot API, as the real one answers them. Knows no wire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from bots.fake.markup import NotMarkup, read
from bots.fake.world import BLOCKED, Fault, Sent, World, flooded

TEXT_UNITS, CAPTION_UNITS, ANSWER_CHARACTERS = 4096, 1024, 200
DOWNLOAD_BYTES, PHOTO_BYTES, UPLOAD_BYTES = 20_000_000, 10_000_000, 50_000_000
DATA_BYTES = 64
# The smallest picture there is.
PIXEL = b"GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
SENDS = frozenset({"sendmessage", "sendphoto", "senddocument"})
HOOK_SECONDS = 1.0  # between two calls of setWebhook

HOOKED = Fault(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook first")

Given = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a call."""

    name: str
    mime: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered with; `drops` cuts the connection instead."""

    status: int
    body: dict[str, Any]
    drops: bool = False


class Refused(Exception):
    """The call is answered with this instead of a result."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.description)
        self.fault = fault


def wrong(words: str) -> Refused:
    """400, in Telegram's own words."""
    return Refused(Fault(400, f"Bad Request: {words}"))


def failure(status: int, description: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    """The form of every refusal."""
    more = {"parameters": parameters} if parameters else {}
    return {"ok": False, "error_code": status, "description": description, **more}


class Methods:
    """What a bot may ask of this world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._hooked_at = float("-inf")

    async def call(self, token: str, method: str, given: Given) -> Answer:
        """Answer as the Bot API does."""
        name = method.lower()
        action: Callable[[Given], Awaitable[Any]] | None = getattr(self, f"_{name}", None)
        if action is None or name == "call":
            return Answer(404, failure(404, "Not Found"))
        self.world.bot_id = int(token.partition(":")[0])
        fault = self._fault(name, int(given.get("chat_id", 0)))
        if fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
        try:
            if fault.status != 200:
                raise Refused(fault)
            result = await action(given)
        except Refused as error:
            known = error.fault
            return Answer(known.status, failure(known.status, known.description, known.parameters))
        return Answer(200, {"ok": True, "result": result}, fault.drops)

    def _fault(self, name: str, chat_id: int) -> Fault:
        waiting = self.world.faults.get(chat_id)
        if waiting:
            return waiting.popleft()
        if chat_id in self.world.blocked:
            return BLOCKED
        if name in SENDS and self.world.meter is not None:
            wait = self.world.meter.take(chat_id, time.monotonic())
            if wait:
                return flooded(wait)
        return Fault()

    async def _getme(self, _: Given) -> Any:
        return {"id": self.world.bot_id, "is_bot": True, "first_name": "Parley", "username": "parley_bot"}

    async def _sendmessage(self, given: Given) -> Any:
        text, entities = _marked(given, "text", TEXT_UNITS, "message is too long")
        if not text.strip():
            raise wrong("message text is empty")
        return self._arrives(given, text, "text", None, entities)

    async def _sendphoto(self, given: Given) -> Any:
        return self._arrives_with(given, "photo", PHOTO_BYTES)

    async def _senddocument(self, given: Given) -> Any:
        return self._arrives_with(given, "document", UPLOAD_BYTES)

    async def _sendmessagedraft(self, given: Given) -> Any:
        if int(given["chat_id"]) <= 0:
            raise wrong("chat not found")
        self.world.drafts[int(given["chat_id"])] = _words(given.get("text"), TEXT_UNITS, "message is too long") or "…"
        self.world.stir()
        return True

    async def _sendchataction(self, _: Given) -> Any:
        return True

    async def _editmessagetext(self, given: Given) -> Any:
        text, entities = _marked(given, "text", TEXT_UNITS, "message is too long")
        if not text.strip():
            raise wrong("message text is empty")
        return self._amended(given, text, entities)

    async def _editmessagecaption(self, given: Given) -> Any:
        return self._amended(given, *_marked(given, "caption", CAPTION_UNITS, "message caption is too long"))

    async def _deletemessage(self, given: Given) -> Any:
        there = self.world.sent[int(given["chat_id"])]
        left = [one for one in there if one.message_id != int(given["message_id"])]
        if len(left) == len(there):
            raise wrong("message to delete not found")
        there[:] = left
        self.world.stir()
        return True

    async def _answercallbackquery(self, given: Given) -> Any:
        chat_id = self.world.queries.pop(str(given.get("callback_query_id", "")), None)
        if chat_id is None:
            raise wrong("query is too old and response timeout expired or query ID is invalid")
        self.world.toasts[chat_id] = str(given.get("text", ""))[:ANSWER_CHARACTERS]
        self.world.stir()
        return True

    async def _getfile(self, given: Given) -> Any:
        found = self.world.files.get(str(given.get("file_id", "")))
        if found is None:
            raise wrong("wrong file_id or the file is temporarily unavailable")
        if len(found.content) > DOWNLOAD_BYTES:
            raise wrong("file is too big")
        facts = {"file_id": found.file_id, "file_unique_id": found.file_id, "file_size": len(found.content)}
        return {**facts, "file_path": f"files/{found.file_id}"}

    async def _setwebhook(self, given: Given) -> Any:
        now = time.monotonic()
        if now - self._hooked_at < HOOK_SECONDS:
            raise Refused(flooded(1))
        self._hooked_at = now
        self.world.webhook = given if given.get("url") else {}
        self.world.arrived.set()
        return True

    async def _deletewebhook(self, _: Given) -> Any:
        self.world.webhook = {}
        return True

    async def _getwebhookinfo(self, _: Given) -> Any:
        info = {"url": self.world.webhook.get("url", ""), "has_custom_certificate": False}
        pending = {"pending_update_count": len(self.world.updates)}
        return {**info, **pending, "last_error_message": self.world.last_error or ""}

    async def _setmycommands(self, given: Given) -> Any:
        self.world.commands = given.get("commands")
        return True

    async def _getupdates(self, given: Given) -> Any:
        """What has an offset was received up to there; waits as long as asked for the first one."""
        world, offset = self.world, int(given.get("offset", 0))
        if world.webhook:
            raise Refused(HOOKED)
        while world.updates and world.updates[0]["update_id"] < offset:
            world.updates.popleft()
        if not world.updates and not world.is_over and (seconds := float(given.get("timeout", 0))):
            world.arrived.clear()
            try:
                await asyncio.wait_for(world.arrived.wait(), seconds)
            except TimeoutError:
                return []
        return list(world.updates)[: int(given.get("limit", 100))]

    def _arrives_with(self, given: Given, kind: str, longest_bytes: int) -> Any:
        caption, entities = _marked(given, "caption", CAPTION_UNITS, "message caption is too long")
        what = given.get(kind)
        if isinstance(what, Upload):
            if len(what.content) > longest_bytes:
                raise wrong("file is too big")
            file_id = self.world.keep(what.name, what.mime, what.content).file_id
        elif str(what) in self.world.files:
            file_id = str(what)
        elif str(what).startswith(("http://", "https://")):  # Telegram fetches it; here its name has to do
            file_id = self.world.keep(str(what), "image/gif", PIXEL).file_id
        else:
            raise wrong("wrong file identifier/HTTP URL specified")
        return self._arrives(given, caption, kind, file_id, entities)

    def _arrives(self, given: Given, text: str, kind: str, file_id: str | None, entities: Any) -> Any:
        chat_id = int(given["chat_id"])
        if not chat_id:
            raise wrong("chat not found")
        reply = given.get("reply_parameters")
        one = Sent(
            self.world.number(),
            chat_id,
            text,
            time.monotonic(),
            reply["message_id"] if reply else None,
            kind,
            file_id,
            tuple(entities or ()),
            _buttons(given),
        )
        self.world.take(one)
        return self._shown(one)

    def _amended(self, given: Given, text: str, entities: Any) -> Any:
        there = self.world.sent[int(given["chat_id"])]
        places = [place for place, one in enumerate(there) if one.message_id == int(given["message_id"])]
        if not places:
            raise wrong("message to edit not found")
        before = there[places[0]]
        if (before.kind == "text") is not ("text" in given):
            raise wrong("there is no text in the message to edit" if "text" in given else "there is no caption")
        same = replace(before, text=text, entities=tuple(entities or ()), buttons=_buttons(given))
        if same == before:
            raise wrong(
                "message is not modified: specified new message content and reply markup are exactly the same as a "
                "current content and reply markup of the message"
            )
        there[places[0]] = replace(same, is_edited=True)
        self.world.stir()
        return self._shown(same)

    def _shown(self, one: Sent) -> dict[str, Any]:
        kind = "private" if one.chat_id > 0 else "group"
        chat = self.world.people.get(one.chat_id) or {"id": one.chat_id, "type": kind, "first_name": "x", "title": "x"}
        message = {"message_id": one.message_id, "date": int(time.time()), "chat": chat}
        if one.kind == "text":
            return {**message, "text": one.text}
        found = self.world.files.get(one.file_id or "")
        file = {"file_id": one.file_id, "file_unique_id": one.file_id, "file_size": len(found.content) if found else 0}
        if one.kind == "photo":
            return {**message, "caption": one.text, "photo": [{**file, "width": 1, "height": 1}]}
        return {**message, "caption": one.text, "document": {**file, "file_name": found.name if found else ""}}


def _words(text: Any, longest_units: int, refusal: str) -> str:
    words = "" if text is None else str(text)
    if len(words.encode("utf-16-le")) // 2 > longest_units:
        raise wrong(refusal)
    return words


def _marked(given: Given, name: str, longest_units: int, refusal: str) -> tuple[str, Any]:
    """The words and what is special about them, whichever way that was said."""
    if str(given.get("parse_mode", "")).lower() != "html":
        return _words(given.get(name), longest_units, refusal), given.get(f"{name}_entities", given.get("entities"))
    try:
        text, entities = read(str(given.get(name, "")))
    except NotMarkup as error:
        raise wrong(f"can't parse entities: {error}") from error
    return _words(text, longest_units, refusal), entities


def _buttons(given: Given) -> tuple[tuple[dict[str, Any], ...], ...]:
    rows = (given.get("reply_markup") or {}).get("inline_keyboard", [])
    for button in (button for row in rows for button in row):
        if not len(str(button.get("callback_data", button.get("url", ""))).encode()) >= 1 or (
            len(str(button.get("callback_data", "")).encode()) > DATA_BYTES
        ):
            raise wrong("BUTTON_DATA_INVALID")
    return tuple(tuple(row) for row in rows)
