"""The page on which somebody is a person on Telegram: what is shown, and what a person can do. Raw ASGI."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bots.fake.door import Door, Receive, Scope, Send, header, respond, whole_body
from bots.fake.world import AMBIGUOUS, BROKEN, NO_CHAT, Fault, Sent, World, flooded

FILES = Path(__file__).parent / "static"
TYPES = {".svg": "image/svg+xml", ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
GUARDED = {"content-security-policy": POLICY, "x-content-type-options": "nosniff", "cache-control": "no-cache"}
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
SHOWN = 200  # messages of a chat
WATCH_SECONDS = 20.0
NAME_CHARACTERS = 60
FAULTS: dict[str, Fault] = {
    "429": flooded(3),
    "400": NO_CHAT,
    "502": BROKEN,
    "lost": AMBIGUOUS,
    "late": Fault(delay_seconds=5.0),
}

Deed = Callable[[dict[str, Any]], None]


class Page:
    """An ASGI application: the page and what it asks for; everything else goes through the bots' door."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._door = Door(world)
        self._deeds: dict[str, Deed] = {
            "people": self._enter,
            "say": self._say,
            "reword": self._reword,
            "press": self._press,
            "block": self._block,
            "fault": self._fault,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope["path"])
        if scope["type"] != "http" or path.startswith(("/bot", "/file/")):
            await self._door(scope, receive, send)
        elif scope["method"] == "POST":
            await self._act(scope, receive, send)
        elif path.startswith("/page/files/"):
            await self._file(path.rpartition("/")[2], send)
        elif path == "/page/state":
            await self._state(scope, send)
        else:
            await _static(path, send)

    async def _state(self, scope: Scope, send: Send) -> None:
        """Everything, as soon as it is not what was seen."""
        seen = dict(parse_qsl(scope["query_string"].decode())).get("seen", "0")
        await self._world.stirred(int(seen), WATCH_SECONDS)
        await _answer(send, 200, self._shown())

    async def _act(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_ours(scope):
            await _answer(send, 403, {"error": "this page alone may do that"})
            return
        deed = str(scope["path"]).removeprefix("/page/")
        body = await whole_body(receive)
        try:
            if deed == "files":
                self._send_file(dict(parse_qsl(scope["query_string"].decode())), header(scope, "content-type"), body)
            else:
                self._deeds[deed](json.loads(body))
        except (KeyError, ValueError, TypeError) as error:
            await _answer(send, 400, {"error": f"that cannot be done: {error!r}"})
            return
        await _answer(send, 200, {})

    def _enter(self, given: dict[str, Any]) -> None:
        """The same name is the same person, after a new start, too."""
        name = str(given["name"]).strip()[:NAME_CHARACTERS]
        if not name:
            raise ValueError("a name is needed")
        chat_id = 1_000_000 + zlib.crc32(name.casefold().encode()) % 1_000_000_000
        self._world.people[chat_id] = {"id": chat_id, "type": "private", "first_name": name}
        self._world.stir()

    def _say(self, given: dict[str, Any]) -> None:
        text, reply_to = str(given["text"]), given.get("reply_to")
        more = {"reply_to_message": self._reply(int(given["chat_id"]), int(reply_to))} if reply_to else {}
        self._world.write(self._chat(given), text=text, **more)

    def _reply(self, chat_id: int, message_id: int) -> dict[str, Any]:
        return {"message_id": message_id, "date": 1, "chat": self._world.people[chat_id], "text": "…"}

    def _reword(self, given: dict[str, Any]) -> None:
        self._world.reword(self._chat(given), int(given["message_id"]), str(given["text"]))

    def _press(self, given: dict[str, Any]) -> None:
        self._world.press(self._chat(given), int(given["message_id"]), str(given["data"]))

    def _block(self, given: dict[str, Any]) -> None:
        self._world.block(self._chat(given), is_blocked=bool(given["is_blocked"]))

    def _fault(self, given: dict[str, Any]) -> None:
        self._world.faults[self._chat(given)["id"]].append(FAULTS[given["fault"]])

    def _send_file(self, given: dict[str, str], mime: str, content: bytes) -> None:
        one = self._world.keep(given["name"], mime or "application/octet-stream", content)
        facts: dict[str, Any] = {
            "file_id": one.file_id,
            "file_unique_id": one.file_id,
            "file_size": len(content),
        }
        more = {"caption": given["caption"]} if given.get("caption") else {}
        if mime in IMAGES:
            size = {"width": int(given.get("width", 1)), "height": int(given.get("height", 1))}
            self._world.write(self._chat(given), photo=[{**facts, **size}], **more)
        else:
            document = {**facts, "file_name": one.name, "mime_type": one.mime}
            self._world.write(self._chat(given), document=document, **more)

    def _chat(self, given: Any) -> dict[str, Any]:
        return self._world.people[int(given["chat_id"])]

    def _shown(self) -> dict[str, Any]:
        world = self._world
        known = dict.fromkeys([*world.people, *world.sent])
        chats = []
        for chat_id in known:
            if chat_id not in world.people:  # of before a new start; the bot still writes to them
                world.people[chat_id] = {"id": chat_id, "type": "private", "first_name": f"Chat {chat_id}"}
            own = [{**self._line(one), "is_own": True} for one in world.written[chat_id][-SHOWN:]]
            others = [self._line(one) for one in world.sent[chat_id][-SHOWN:]]
            chats.append(
                {
                    "id": chat_id,
                    "name": world.people[chat_id]["first_name"],
                    "is_blocked": chat_id in world.blocked,
                    "draft": world.drafts.get(chat_id),
                    "toast": world.toasts.get(chat_id),
                    "faults": len(world.faults[chat_id]),
                    "lines": sorted([*own, *others], key=lambda line: line["message_id"])[-SHOWN:],
                }
            )
        return {"version": world.version, "chats": chats, "commands": world.commands or []}

    def _line(self, one: Sent) -> dict[str, Any]:
        line = asdict(one)
        stored = self._world.files.get(one.file_id or "")
        return {**line, "file_name": stored.name if stored else None}

    async def _file(self, file_id: str, send: Send) -> None:
        found = self._world.files.get(file_id)
        if found is None:
            await _answer(send, 404, {"error": "this file was forgotten"})
            return
        mime = found.mime if found.mime in IMAGES else "application/octet-stream"
        await respond(send, 200, {**GUARDED, "content-type": mime}, found.content)


def _is_ours(scope: Scope) -> bool:
    """Whether the page itself asks: another site in the same browser must not speak for people here."""
    origin = header(scope, "origin")
    return not origin or urlsplit(origin).netloc == header(scope, "host")


async def _static(path: str, send: Send) -> None:
    found = FILES / (path.removeprefix("/") or "index.html")
    if found.parent != FILES or not found.is_file():
        await _answer(send, 404, {"error": "there is nothing at this address"})
        return
    await respond(send, 200, {**GUARDED, "content-type": TYPES[found.suffix]}, found.read_bytes())


async def _answer(send: Send, status: int, what: dict[str, Any]) -> None:
    await respond(send, status, {**GUARDED, "content-type": "application/json"}, json.dumps(what).encode())
