"""What every REST door shares: problems as RFC 9457 answers, the transaction, limits, request ids. Knows no room."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from typing import Annotated, TypeVar
from urllib.parse import quote

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override

from server import ids, metrics, voice
from server.codes import TITLES
from server.database import Database, Transaction
from server.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Limited,
    Missing,
    Problem,
    Unauthenticated,
    Unavailable,
)
from server.logging import named

log = named("web")

STATUS: dict[type[Problem], int] = {
    Invalid: 422,
    Unauthenticated: 401,
    Forbidden: 403,
    Missing: 404,
    Conflict: 409,
    Limited: 429,
    Unavailable: 503,
}
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
API_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
REQUEST_ID_LIMIT = 64
TAKE_SECONDS = 30.0  # for one piece of a long answer; who takes longer is gone, or holds what others need
SHOWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "audio/ogg", "audio/mpeg", "video/mp4"})
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
LENGTH_DIGITS = 15  # of a content-length; a longer one is no number that a body can have
# What the framework refuses by itself: our code, and what to do about it.
REFUSALS = {
    400: ("malformed_json", "the body cannot be read: send JSON in UTF-8, not nested too deeply"),
    404: ("no_such_route", "there is nothing at this address; /docs lists what there is"),
    405: ("method_not_allowed", "this address takes other methods, named in the header `Allow`"),
}


class FaultView(BaseModel):
    """One wrong value: where it stands and what would be right."""

    field: str
    message: str


class ProblemView(BaseModel):
    """RFC 9457 `application/problem+json`. `code` is stable: program against it, show `detail` to people."""

    type: str = "about:blank"
    title: str
    status: int
    code: str = Field(examples=["invalid_input"])
    detail: str
    request_id: str
    faults: list[FaultView] = Field(default_factory=list)


def problem_response(problem: Problem, status: int | None = None) -> Response:
    """The answer that tells this problem over HTTP."""
    code = status or next((STATUS[kind] for kind in type(problem).__mro__ if kind in STATUS), 500)
    headers = {"cache-control": "no-store"}
    if problem.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(problem.retry_after)))
    if code == 401:
        headers["www-authenticate"] = "Bearer"
    view = ProblemView(
        title=TITLES.get(code, "Problem"),
        status=code,
        code=problem.code,
        detail=problem.detail,
        request_id=str(structlog.contextvars.get_contextvars().get("request_id", "")),
        faults=[FaultView(field=fault.field, message=fault.message) for fault in problem.faults],
    )
    return Response(view.model_dump_json(), code, headers, "application/problem+json")


async def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if isinstance(error.body, bytes):  # the framework left it unread
        given = request.headers.get("content-type", "no Content-Type")
        return problem_response(Invalid("not_json", f"send `Content-Type: application/json`, not {given[:100]}"), 415)
    for item in error.errors():
        if item["type"] == "json_invalid":
            return problem_response(Invalid("malformed_json", f"the body is not JSON: {item['ctx']['error']}"), 400)
    faults = voice.faults(error.errors())
    return problem_response(Invalid("invalid_input", voice.summary(faults), faults=faults))


Query = TypeVar("Query", bound=BaseModel)


def query_of(form: type[Query], request: Request) -> Query:
    """The query of a route that reads its request itself; what is wrong with it is told as FastAPI would."""
    try:
        return form.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise RequestValidationError(
            [{**fault, "loc": ("query", *fault["loc"])} for fault in error.errors()]
        ) from error


class _BodyTooLarge(HTTPException):
    """More bytes came than the body may have. An HTTPException, because the framework takes others for bad JSON."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(413, f"the body may have {limit_bytes} bytes; send less")


async def _on_too_large(_: Request, error: Exception) -> Response:
    assert isinstance(error, _BodyTooLarge)
    return problem_response(Invalid("body_too_large", error.detail), 413)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, detail = REFUSALS.get(error.status_code, ("refused", error.detail))
    response = problem_response(Problem(code, detail), error.status_code)
    response.headers.update(error.headers or {})
    if error.status_code == 405:
        response.headers["allow"] = ", ".join(_allowed(request))
    return response


def _allowed(request: Request) -> Iterator[str]:
    """Every method of this address; the framework names only those of the first route that fits it."""
    for method in METHODS:
        asked = {**request.scope, "method": method}
        if any(route.matches(asked)[0] is Match.FULL for route in request.app.routes):
            yield method


def install_problems(app: FastAPI) -> None:
    """Every error of every room leaves this application as problem+json."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(_BodyTooLarge, _on_too_large)


async def transaction(request: Request) -> AsyncIterator[Transaction]:
    """One request, one transaction: committed before the answer leaves, announced after the commit."""
    database: Database = request.state.database
    async with database.transaction() as tx:
        yield tx


class Timed(StreamingResponse):
    """A long answer. A reader who takes nothing for long is cut off, and whatever made the pieces is closed."""

    def __init__(
        self, pieces: AsyncGenerator[str | bytes, None], headers: dict[str, str], *, media_type: str | None = None
    ) -> None:
        super().__init__(pieces, headers=headers, media_type=media_type)
        self._pieces = pieces

    @override
    async def stream_response(self, send: Send) -> None:
        async def in_time(message: Message) -> None:
            async with asyncio.timeout(TAKE_SECONDS):
                await send(message)

        async with aclosing(self._pieces):
            try:
                await super().stream_response(in_time)
            except TimeoutError:
                log.warning("reader_too_slow")  # the server hangs up on an answer without an end


class Lines(Timed):
    """JSON lines as a file."""

    media_type = "application/jsonl"

    def __init__(self, pieces: AsyncGenerator[str | bytes, None], filename: str) -> None:
        super().__init__(
            pieces, {"content-disposition": f'attachment; filename="{filename}"', "cache-control": "no-store"}
        )


class Download(Timed):
    """Somebody's file. What a browser would run is never shown, only saved."""

    media_type = "application/octet-stream"

    def __init__(
        self, pieces: AsyncGenerator[str | bytes, None], filename: str, media_type: str, size: int | None
    ) -> None:
        manner = "inline" if media_type in SHOWN else "attachment"
        headers = {
            "content-disposition": f"{manner}; filename*=utf-8''{quote(filename, safe='')}",
            "cache-control": "private, max-age=3600",
        }
        if size is not None:
            headers["content-length"] = str(size)
        super().__init__(pieces, headers, media_type=media_type if media_type in SHOWN else None)


Tx = Annotated[Transaction, Depends(transaction, scope="function")]


class Gate:
    """The outermost layer of REST: request id, body limit, security headers, one log line and one count a request."""

    def __init__(self, app: ASGIApp, body_bytes: int, larger: Mapping[str, int]) -> None:
        """`larger`: the paths whose bodies may have another size."""
        self.app = app
        self._body_bytes = body_bytes
        self._larger = larger

    def limit_of(self, path: str) -> int:
        """How many bytes a body may have at this address."""
        return self._larger.get(path, self._body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await _Visit(self, scope, receive, send).carry_out()


class _Visit:
    """One request on its way through the gate."""

    __slots__ = ("gate", "inner_receive", "inner_send", "limit", "request_id", "scope", "started", "status", "taken")

    def __init__(self, gate: Gate, scope: Scope, receive: Receive, send: Send) -> None:
        self.gate = gate
        self.scope = scope
        self.inner_receive = receive
        self.inner_send = send
        self.started = time.perf_counter()
        self.status = 0
        self.taken = 0
        self.limit = gate.limit_of(scope.get("path", ""))
        self.request_id = _request_id(scope)

    async def carry_out(self) -> None:
        structlog.contextvars.bind_contextvars(request_id=self.request_id)
        try:
            refusal = self._refusal()
            if refusal is None:
                await self.gate.app(self.scope, self.receive, self.send)
            else:
                await refusal(self.scope, self.receive, self.send)
        except Exception:
            log.exception("request_failed", method=self.scope["method"], path=self.scope["path"])
            await self._answer(
                problem_response(Problem("internal_error", "this is our fault; it has been logged"), 500)
            )
        finally:
            self._count()
            structlog.contextvars.unbind_contextvars("request_id")

    async def _answer(self, response: Response) -> None:
        if self.status == 0:
            await response(self.scope, self.receive, self.send)

    def _refusal(self) -> Response | None:
        for name, value in self.scope["headers"]:
            if name == b"content-length" and not self._fits(value):
                return problem_response(Invalid("body_too_large", _BodyTooLarge(self.limit).detail), 413)
            if b"\x00" in value:  # no server lets one in, and PostgreSQL cannot keep it
                where = f"the header `{name.decode('latin-1')}`"
                return problem_response(Invalid("nul_character", f"remove the NUL character from {where}"), 400)
        if "\x00" in self.scope["path"] or b"%00" in self.scope["query_string"]:
            return problem_response(Invalid("nul_character", "remove the NUL character from the address"), 400)
        return None

    def _fits(self, length: bytes) -> bool:
        return length.isdigit() and len(length) <= LENGTH_DIGITS and int(length) <= self.limit

    async def receive(self) -> Message:
        message = await self.inner_receive()
        self.taken += len(message.get("body", b""))
        if self.taken > self.limit:
            raise _BodyTooLarge(self.limit)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            # A new list: a response that is answered twice must not gather the headers of both.
            headers = [*message.get("headers", ()), (b"x-request-id", self.request_id.encode()), *SECURITY_HEADERS]
            if not any(name == b"content-security-policy" for name, _ in headers):
                headers.append(API_POLICY)
            message = {**message, "headers": headers}
        await self.inner_send(message)

    def _count(self) -> None:
        route = getattr(self.scope.get("route"), "path", "-")
        seconds = time.perf_counter() - self.started
        metrics.requests.labels(self.scope["method"], route, self.status).inc()
        metrics.request_seconds.observe(seconds)
        log.debug("request", method=self.scope["method"], route=route, status=self.status, seconds=round(seconds, 5))


def _request_id(scope: Scope) -> str:
    """The caller's own id where it is a sane one, so that a trace can cross houses; else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and 0 < len(value) <= REQUEST_ID_LIMIT:
            text: str = value.decode("latin-1")
            if text.replace("-", "").isalnum() and text.isascii():
                return text
    return str(ids.new())
