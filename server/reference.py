"""The page /docs: Swagger UI out of a wheel, so that it opens without the internet. Knows no route but its own."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import FileResponse

FILES = Path(str(files("fastapi_swagger"))) / "resources"  # as Swagger UI's makers publish them
SCRIPT, STYLE = "swagger-ui-bundle.js", "swagger-ui.css"
KEPT = {"cache-control": "public, max-age=3600"}


def mount(app: FastAPI) -> None:
    """Add the page and its two files, none of which is part of the API."""
    page = _page()

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return page

    @app.get(f"/docs/{SCRIPT}", include_in_schema=False)
    async def script() -> Response:
        return FileResponse(FILES / SCRIPT, headers=KEPT, media_type="text/javascript")

    @app.get(f"/docs/{STYLE}", include_in_schema=False)
    async def style() -> Response:
        return FileResponse(FILES / STYLE, headers=KEPT, media_type="text/css")


def _page() -> Response:
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Parley",
        swagger_js_url=f"/docs/{SCRIPT}",
        swagger_css_url=f"/docs/{STYLE}",
        swagger_favicon_url="data:,",
        swagger_ui_parameters={"validatorUrl": None},  # it would send our address to a stranger
    )
    inline = re.findall(rb"<script>(.*?)</script>", page.body, re.DOTALL)
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" for script in inline)
    # This page and no other may run Swagger's script and the one that starts it, and ask this server.
    page.headers["content-security-policy"] = (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page
