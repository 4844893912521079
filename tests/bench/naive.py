"""The hub as tutorials write it: FastAPI, a set of sockets a room, `await socket.send_text` for one after the other."""

from __future__ import annotations

import socket
from multiprocessing.connection import Connection

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

BACKLOG = 2048
rooms: dict[str, set[WebSocket]] = {}
app = FastAPI()


@app.websocket("/{room}")
async def listen(room: str, websocket: WebSocket) -> None:
    """Stand in the room until the client leaves; whatever it says is answered."""
    await websocket.accept()
    there = rooms.setdefault(room, set())
    there.add(websocket)
    try:
        while True:
            await websocket.receive_text()
            await websocket.send_text("{}")
    except WebSocketDisconnect:
        there.discard(websocket)


@app.post("/{room}", status_code=204)
async def say(room: str, lines: list[str]) -> None:
    """Say each of these to everybody in the room."""
    for line in lines:
        for websocket in tuple(rooms.get(room, ())):
            await websocket.send_text(line)


def work(pipe: Connection) -> None:
    """Serve on a port of its own choice, which is the one thing it says."""
    pipe.recv()
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as door:
        pipe.send(door.getsockname()[1])
        config = uvicorn.Config(app, log_level="warning", access_log=False, ws_ping_interval=None)
        uvicorn.Server(config).run(sockets=[door])
