"""What Parley shows in a browser: the console at /, the widget for other sites, a page that tries it. Static files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import FastAPI, Response
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

FILES = Path(__file__).parent / "static"
FRESH = {"cache-control": "no-cache"}  # asked for anew each time; unchanged files are answered with 304
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def mount(app: FastAPI) -> None:
    """Add the pages after every route of the API, which they never stand before."""

    @app.get("/", include_in_schema=False)
    async def console() -> Response:
        return _page("index.html")

    @app.get("/demo", include_in_schema=False)
    async def demo() -> Response:
        return _page("demo.html")

    @app.get("/widget.js", include_in_schema=False)
    async def widget() -> Response:
        return Response(widget_script(), media_type="text/javascript", headers=FRESH)

    app.mount("/console", StaticFiles(directory=FILES), name="console")


@cache
def widget_script() -> str:
    """The widget with its own copy of the SDK, in a function of its own: the page around it sees no name of either."""
    sdk = (FILES / "vendor" / "centrifuge.js").read_text()
    widget = "\n".join((FILES / name).read_text() for name in ("widget-look.js", "widget-talk.js", "widget.js"))
    # The SDK leaves its name in the page; what stood there before is put back at once.
    borrowed = "const theirs = globalThis.Centrifuge;"
    returned = "const { Centrifuge } = globalThis;\nglobalThis.Centrifuge = theirs;"
    return f"(() => {{\n{borrowed}\n{sdk}\n{returned}\n{widget}\n}})();\n"


def _page(name: str) -> Response:
    return FileResponse(FILES / name, headers={**FRESH, "content-security-policy": POLICY}, media_type="text/html")
