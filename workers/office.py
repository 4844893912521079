"""What one worker process holds open, for all who work in it. Opened in order, closed in the opposite one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from server.bot import visitors
from server.chat.access import Access
from server.chat.announcer import Announcer
from server.chat.bulletin import Bulletin
from server.chat.entrance import Entrance
from server.chat.journal import Journal
from server.chat.service import Chat
from server.config import Settings
from server.database import Database
from server.pacing.limiter import Limiter
from server.queue import Queue
from server.realtime.bus import Bus
from server.realtime.teller import Teller
from server.valkey import connect


class Office:
    """Rows, the voice that reaches every listener, and the queue. Whatever is posted here is heard like any post."""

    def __init__(self, settings: Settings, connections: int) -> None:
        self._stack = AsyncExitStack()
        self.settings = settings
        self.database = Database(settings.database, connections)
        self.queue = Queue(settings.redis)
        self._redis = connect(settings.redis)
        self.limiter = Limiter(self._redis)
        self._bus = Bus(settings.redis)
        self.teller = Teller(self._bus.tell)
        self._bulletin = Bulletin(self.database, self.teller.tell)
        self.announcer = Announcer(
            self.teller.announce, self.teller.announce_review, say=self.queue.say, bulletin=self._bulletin
        )
        self._journal = Journal(settings.database, self.announcer.posted)
        self.place = self._journal.place
        access = Access(Entrance(self.database))
        limit = settings.message_characters
        self.chat = Chat(self.database, self._journal, access, self.announcer, limit, visitors.meet)

    def at_close(self, close: Callable[[], Awaitable[None]]) -> None:
        """Have this called when the process ends, before what it stands on is closed."""
        self._stack.push_async_callback(close)

    async def __aenter__(self) -> Self:
        await self.database.open()
        self._stack.push_async_callback(self.database.close)
        self._stack.push_async_callback(self._redis.aclose)
        self._bus.begin()
        self._stack.push_async_callback(self._bus.disconnect)
        await self._bulletin.open()
        self._stack.push_async_callback(self._bulletin.close)
        await self.queue.open()
        self._stack.push_async_callback(self.queue.close)
        await self._journal.open()
        self._stack.push_async_callback(self._journal.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
