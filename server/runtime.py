"""What one process holds open: database, limiter, bus, journal. Opened in this order, closed in the opposite one."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Any

from server.auth import service as auth
from server.auth.passwords import Passwords
from server.auth.tokens import Tokens
from server.chat.access import Access
from server.chat.channels import ChatChannels, announcer
from server.chat.journal import Journal
from server.chat.service import Chat
from server.config import Settings
from server.database import Database
from server.errors import Problem
from server.logging import named
from server.pacing.limiter import Limiter
from server.realtime.node import Node
from server.valkey import connect

log = named("runtime")


class Runtime:
    """Everything that a server process works with. `async with` opens it; leaving closes whatever was opened."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
