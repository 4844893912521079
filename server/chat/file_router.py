"""Files over REST: send one up, and have it back. Reads, calls one verb, answers."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request

from server.auth.dependencies import CurrentUser
from server.chat.files import Files
from server.chat.schemas import FileName, FileView
from server.codes import SIGNED_IN, documented
from server.web import Download

router = APIRouter(prefix="/chat", tags=["files"])

KEPT = {**SIGNED_IN, "no_such_thread": 404, "read_only": 403, "empty_file": 422, "too_many_uploads": 429}
BINARY = {"schema": {"type": "string", "format": "binary"}}
BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/octet-stream": BINARY}}}
FILE: dict[int | str, dict[str, Any]] = {200: {"description": "The file.", "content": {"*/*": BINARY}}}


async def _files(request: Request) -> Files:
    files: Files = request.state.files
    return files


TheFiles = Annotated[Files, Depends(_files)]


@router.post(
    "/file",
    status_code=201,
    response_model=FileView,
    summary="Send a file up",
    responses=documented(KEPT),
    openapi_extra=BODY,
)
async def send(
    request: Request,
    caller: CurrentUser,
    files: TheFiles,
    thread_id: Annotated[UUID, Query(description="The thread in which it is to be posted.")],
    name: Annotated[FileName, Query(description="What it is called.", examples=["parcel.jpg"])] = "file",
) -> FileView:
    """The body is the file, up to FILE_BYTES, `Content-Type` its type. Post it as the `payload` of a message.

    `{"type": "photo", "file": id}` or `{"type": "document", "file": id}`: a file that no message of the thread names is
    removed after a day.
    """
    await files.check(caller, thread_id)
    async with files.place():
        return await files.keep(thread_id, name, request.headers.get("content-type", ""), await request.body())


@router.get(
    "/file/{file_id}",
    status_code=200,
    response_class=Download,
    summary="Read a file",
    responses={**documented(SIGNED_IN, no_such_file=404), **FILE},
)
async def read(
    caller: CurrentUser, files: TheFiles, file_id: Annotated[UUID, Path(description="The file's `id`.")]
) -> Download:
    """A file that was sent up, for whoever may read its thread."""
    found = await files.read(caller, file_id)
    return Download(found.pieces, found.name, found.type, found.size)
