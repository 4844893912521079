"""What the routes of the hooks room receive: the room itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from server.hooks.service import Hooks


async def _hooks(request: Request) -> Hooks:
    hooks: Hooks = request.state.hooks
    return hooks


TheHooks = Annotated[Hooks, Depends(_hooks)]
