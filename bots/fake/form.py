"""The bodies of calls, read as the Bot API reads them: forms, files among the fields, JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email import policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from typing import Any
from urllib.parse import parse_qsl

from bots.fake.methods import Upload

WORDS = ("text", "caption", "url", "secret_token", "callback_query_id", "photo", "document", "file_id", "parse_mode")


def fields(kind: str, body: bytes) -> dict[str, Any]:
    """What the call gives, by name. Values that are no text were written as JSON."""
    if kind.startswith("multipart/form-data"):
        return _parts(kind, body)
    if kind.startswith("application/json"):
        return dict(json.loads(body or b"{}"))
    return query(body.decode())


def query(text: str) -> dict[str, Any]:
    """The same of an address."""
    return {name: _value(name, value) for name, value in parse_qsl(text, keep_blank_values=True)}


def _parts(kind: str, body: bytes) -> dict[str, Any]:
    boundary = str(_head(f"Content-Type: {kind}".encode()).get_param("boundary", ""))
    given: dict[str, Any] = {}
    uploads: dict[str, Upload] = {}
    for part in (b"\r\n" + body).split(f"\r\n--{boundary}".encode())[1:-1]:
        above, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        head = _head(above)
        name = str(head.get_param("name", "", header="content-disposition"))
        filename = head.get_filename()
        if filename is None:
            given[name] = _value(name, content.decode())
        else:
            uploads[name] = Upload(filename, head.get_content_type(), content)
    return {name: _attached(value, uploads) for name, value in given.items()} | uploads


def _head(lines: bytes) -> EmailMessage:
    return BytesHeaderParser(policy=policy.HTTP).parsebytes(lines)


def _attached(value: Any, uploads: Mapping[str, Upload]) -> Any:
    """A field may name the part that holds its file."""
    if isinstance(value, str) and value.startswith("attach://"):
        return uploads.get(value.removeprefix("attach://"), value)
    return value


def _value(name: str, value: str) -> Any:
    if name in WORDS:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
