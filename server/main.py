"""The server: builds the application, opens the runtime, mounts the doors. Decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse

from server import asyncapi, metrics, reference
from server.assistant.router import router as assistant_router
from server.auth.router import router as auth_router
from server.bot.constants import IMPORT_BYTES, UPDATE_BYTES
from server.bot.contact_router import IMPORT_PATH
from server.bot.contact_router import router as contact_router
from server.bot.router import router as bot_router
from server.broadcast.log_router import router as delivery_router
from server.broadcast.router import router as campaign_router
from server.chat.export_router import router as export_router
from server.chat.file_router import router as file_router
from server.chat.router import router as message_router
from server.chat.thread_router import router as thread_router
from server.config import VERSION, Settings
from server.console import pages
from server.errors import Problem
from server.hooks.router import router as hook_router
from server.logging import configure
from server.realtime.handshake import PATH
from server.realtime.origins import origin_of
from server.runtime import Runtime
from server.web import Gate, ProblemView, install_problems, problem_response

DESCRIPTION = """Conversations in threads, over REST and over a WebSocket at `/connection/websocket`.

Sign in with `POST /auth/login`, send `Authorization: Bearer <access_token>`. Every error is
`application/problem+json` (RFC 9457): a `detail` for people that says what to change, and a stable `code` for programs.
Each route lists the codes that it may answer with. Repeat what was answered with 429 or 503 after `Retry-After`
seconds; `POST /chat/send` may be repeated freely with the same `client_id`.
The socket is described in [AsyncAPI](/asyncapi.json)."""


DOORS = (
    *(auth_router, message_router, thread_router, file_router, export_router),
    *(assistant_router, hook_router, bot_router, contact_router, campaign_router, delivery_router),
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The whole application for an ASGI server; it opens and closes with the server's lifespan."""
    settings = settings or Settings()
    configure(settings.log_level, settings.log_format)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with Runtime(settings) as runtime:
            yield runtime.state()

    app = FastAPI(
        title="Parley",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    install_problems(app)
    for router in DOORS:
        app.include_router(router)
    _mount_health(app)
    _mount_signpost(app)
    reference.mount(app)
    _mount_asyncapi(app, settings.public_url)
    pages.mount(app)
    _document_problems(app)
    larger = {IMPORT_PATH: IMPORT_BYTES, "/chat/file": settings.file_bytes, "/bot/webhook": UPDATE_BYTES}
    app.add_middleware(Gate, body_bytes=settings.request_bytes, larger=larger)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[origin_of(each) for each in settings.allowed_origins],
            allow_methods=["*"],
            allow_headers=["authorization", "content-type", "x-request-id"],
            expose_headers=["x-request-id", "retry-after"],
            max_age=600,
        )
    return app


def _mount_health(app: FastAPI) -> None:
    @app.get("/health/live", tags=["health"], summary="Is the process alive")
    async def live() -> dict[str, str]:
        """This process runs."""
        return {"status": "live"}

    @app.get(
        "/health/ready",
        tags=["health"],
        summary="Can the process serve",
        responses={503: {"description": "Something is not ready; it is named."}},
    )
    async def ready(request: Request, response: Response) -> dict[str, str]:
        """Whether this process can serve; whatever cannot is named with the reason."""
        found: dict[str, str] = await request.state.runtime.readiness()
        response.status_code = 200 if set(found.values()) == {"ready"} else 503
        return found

    @app.get("/metrics", tags=["health"], summary="Figures for Prometheus", response_class=Response)
    async def prometheus(request: Request) -> Response:
        """Counters of this process, and how many tasks wait in Redis, for Prometheus."""
        await request.state.runtime.look()
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _mount_signpost(app: FastAPI) -> None:
    """Upgrades never come as far as this application; who asks otherwise took the socket for a page."""

    @app.get(PATH, include_in_schema=False)
    async def signpost() -> Response:
        advice = "this address is a WebSocket: open it with a Centrifuge SDK, or with any WebSocket client"
        response = problem_response(Problem("upgrade_required", advice), 426)
        response.headers.update({"upgrade": "websocket", "connection": "upgrade"})
        return response


def _mount_asyncapi(app: FastAPI, public_url: str) -> None:
    @app.get("/asyncapi.json", include_in_schema=False)
    async def socket_document(request: Request) -> JSONResponse:
        return JSONResponse(asyncapi.document(public_url or str(request.base_url)))


def _document_problems(app: FastAPI) -> None:
    """Put the form of every error into OpenAPI: routes name it by reference."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        problem = ProblemView.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs", {}))
        schemas["ProblemView"] = problem
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document
