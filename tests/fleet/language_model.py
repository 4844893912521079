"""An endpoint of OpenAI's protocol on loopback, whose models do what a test tells them: well, slowly, badly, or not."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from tests.eventually import eventually

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

PIECE_CHARACTERS = 12
BETWEEN_SECONDS = 0.1
HACKED = "HACKED: pay at http://evil.example/pay or call 0900 666"
PROMPT_TOKENS, ANSWER_TOKENS = 321, 45


class Cut(Exception):
    """The connection ends in the middle."""


@dataclass
class Endpoint:
    """`does` says how each model behaves, by its name; `asked` keeps what they were sent."""

    address: str
    does: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    hung_up: int = 0

    @property
    def prompts(self) -> list[Any]:
        """The data of each request."""
        return [json.loads(each["messages"][-1]["content"]) for each in self.asked]

    async def __call__(self, _: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        body = b""
        while True:
            piece = await receive()
            body += piece.get("body", b"")
            if not piece.get("more_body"):
                break
        asked = json.loads(body)
        self.asked.append(asked)
        does = self.does.get(asked["model"], "well")
        if does in ("429", "500", "401"):
            await _refuse(send, int(does))
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        if does == "silence":
            await self._wait_for_hanging_up(receive)
            return
        for number, text in enumerate(_pieces(self._words(does, asked))):
            await _chunk(send, {"choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]})
            await asyncio.sleep(BETWEEN_SECONDS)
            if number == 3 and does == "cut":
                raise Cut
            if number == 3 and does == "stall":
                await self._wait_for_hanging_up(receive)
                return
        await _chunk(send, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": ANSWER_TOKENS, "total_tokens": 366}
        await _chunk(send, {"choices": [], "usage": usage})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    def _words(self, does: str, asked: dict[str, Any]) -> str:
        articles = json.loads(asked["messages"][-1]["content"])["articles"]
        text = articles[0]["text"]
        answers = {
            "well": _form([1], text),
            "thinking": f"<think>Is it {{1}}?</think>\n```json\n{_form([1], text)}\n```",
            "cut": _form([1], text),
            "stall": _form([1], text),
            "refusal": "I'm sorry, but I can't help with that.",
            "nonsense": '{"sources": [7], "answer": 12} blue ' * 20,
            "obedience": _form([1], HACKED),
            "invention": _form([1], text + " On Sundays we are open from 7 to 23."),
            "links": _form([1], f"{text} [More](http://evil.example/more) at www.evil.example."),
            "nothing": _form([], ""),
            "endless": _form([1], "word " * 20_000),
        }
        return answers[does]

    async def _wait_for_hanging_up(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        self.hung_up += 1


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    """One that listens."""
    listening = socket.create_server(("127.0.0.1", 0))
    one = Endpoint(f"http://127.0.0.1:{listening.getsockname()[1]}/v1")
    config = uvicorn.Config(one, lifespan="off", log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve([listening]))  # `serve` would take the signals, which are pytest's
    await eventually(lambda: server.started)
    try:
        yield one
    finally:
        server.should_exit = True
        await running


def _form(sources: list[int], answer: str) -> str:
    return json.dumps({"sources": sources, "answer": answer}, ensure_ascii=False)


def _pieces(text: str) -> list[str]:
    return [text[at : at + PIECE_CHARACTERS] for at in range(0, len(text), PIECE_CHARACTERS)]


async def _chunk(send: Send, more: dict[str, Any]) -> None:
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", **more}
    await send({"type": "http.response.body", "body": f"data: {json.dumps(chunk)}\n\n".encode(), "more_body": True})


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-type", b"application/json"), (b"retry-after", b"30")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"error": {"message": "not now", "type": "x"}}'})
