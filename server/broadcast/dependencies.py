"""What the routes of the broadcast room receive: the room itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Request

from server.broadcast.constants import KEY_CHARACTERS
from server.broadcast.service import Broadcast
from server.broadcast.trial import Trial


async def _broadcast(request: Request) -> Broadcast:
    broadcast: Broadcast = request.state.broadcast
    return broadcast


async def _trial(request: Request) -> Trial:
    trial: Trial = request.state.trial
    return trial


TheTrial = Annotated[Trial, Depends(_trial)]
TheBroadcast = Annotated[Broadcast, Depends(_broadcast)]
IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=KEY_CHARACTERS, description="The same key again is the same act: it is done once."),
]
