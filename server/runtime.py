"""What one server process holds open: database, limiter, journal, bus. Opened in order, closed in the opposite one."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Any, Self

from server.auth.attempts import Attempts
from server.auth.passwords import Passwords
from server.auth.revocations import Revocations
from server.auth.service import Auth
from server.auth.tokens import Lifetimes, Tokens
from server.bot import visitors
from server.bot.directory import Directory
from server.bot.inquiry import Inquiry
from server.bot.policy import webhook_secrets
from server.bot.service import Bot
from server.broadcast import service as campaigns
from server.broadcast.client import Client as CampaignClient
from server.broadcast.pace import Share
from server.broadcast.service import Broadcast, is_there
from server.broadcast.trial import Trial
from server.chat.access import Access
from server.chat.announcer import Announcer
from server.chat.bulletin import Bulletin
from server.chat.channels import ChatChannels
from server.chat.entrance import Entrance
from server.chat.export import Exports
from server.chat.files import Files
from server.chat.journal import Journal
from server.chat.replies import Replies
from server.chat.service import Chat
from server.config import Settings
from server.database import Database
from server.errors import Problem
from server.hooks.client import Client
from server.hooks.service import Hooks
from server.hooks.targets import Reach, networks
from server.pacing.limiter import Limiter
from server.queue import Queue
from server.realtime.guests import Limits
from server.realtime.node import Node
from server.realtime.origins import origin_of
from server.valkey import connect


class Runtime:
    """Everything that a server process works with. `async with` opens it; leaving closes whatever was opened."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._database = Database(settings.database, settings.database_connections)
        self._redis = connect(settings.redis)
        self._passwords = Passwords()
        limiter = Limiter(self._redis)
        self._auth = Auth(
            self._database,
            self._passwords,
            Tokens(settings.secrets, Lifetimes(settings.access_token_seconds, settings.refresh_token_seconds)),
            Attempts(limiter, settings.login_attempts_per_minute),
            Revocations(self._database, settings.access_token_seconds),
        )
        self._node = Node(settings.redis, limits=_limits(settings), origins=_origins(settings))
        self._queue = Queue(settings.redis)
        self._bulletin = Bulletin(self._database, self._node.tell)
        announcer = Announcer(
            self._node.announce, self._node.announce_review, say=self._queue.say, bulletin=self._bulletin
        )
        self._journal = Journal(settings.database, announcer.posted)
        entrance = Entrance(self._database)
        limit = settings.message_characters
        self._chat = Chat(self._database, self._journal, Access(entrance), announcer, limit, visitors.meet)
        reach = Reach(networks(settings.webhook_networks))
        self._hooks = Hooks(self._database, Client(reach), reach)
        self._replies = Replies(self._database)
        secrets = webhook_secrets(settings.secrets, settings.bot_token)
        mode = settings.telegram or "polling"
        rate, keys = settings.telegram_per_second, settings.secrets
        self._bot = Bot(self._database, self._queue.say, settings.bot_token, secrets, mode, rate, keys, limiter)
        self._telegram = Inquiry(settings.bot_token, settings.telegram_api) if settings.bot_token else None
        self._broadcast = Broadcast(self._database, self._queue.say, self._bot.id, settings.campaign_operator_limit)
        sender = CampaignClient(settings.bot_token, settings.telegram_api) if settings.bot_token else None
        share = Share(limiter, self._bot.id) if settings.bot_token else None
        self._trial = Trial(self._database, self._journal, sender, share)
        self._channels = ChatChannels(self._chat, self._auth, entrance, limiter, partial(is_there, self._broadcast))

    async def __aenter__(self) -> Self:
        await self._database.open()
        self._stack.push_async_callback(self._database.close)
        self._stack.push_async_callback(self._redis.aclose)
        self._stack.callback(self._passwords.close)
        self._stack.push_async_callback(self._hooks.client.close)
        await self._node.open(self._channels)
        self._stack.push_async_callback(self._node.close)
        await self._bulletin.open()
        self._stack.push_async_callback(self._bulletin.close)
        if self._telegram is not None:
            self._stack.push_async_callback(self._telegram.close)
        if self._trial.client is not None:
            self._stack.push_async_callback(self._trial.client.close)
        await self._queue.open()
        self._stack.push_async_callback(self._queue.close)
        await self._journal.open()
        self._stack.push_async_callback(self._journal.close)
        self._stack.push_async_callback(self._replies.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def state(self) -> dict[str, Any]:
        """What the doors find in their request's or socket's state."""
        return {
            "runtime": self,
            "database": self._database,
            "auth": self._auth,
            "chat": self._chat,
            "exports": Exports(self._database),
            "files": Files(self._chat),
            "hooks": self._hooks,
            "replies": self._replies,
            "node": self._node,
            "bot": self._bot,
            "broadcast": self._broadcast,
            "trial": self._trial,
            "telegram": self._telegram,
            "directory": Directory(self._bot),
        }

    async def drain(self, seconds: float) -> None:
        """Take no new sockets, and spread the farewell of those that are here over this time."""
        await self._node.drain(seconds)

    async def _is_migrated(self) -> bool:
        async with self._database.connection() as connection:
            return bool(await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"))

    async def look(self) -> None:
        """Bring up to date what the figures say of others than this process; takes a second at most."""
        await self._queue.look()
        await campaigns.look(self._broadcast)

    async def readiness(self) -> dict[str, str]:
        """Each part and `ready`, or what is wrong with it."""
        try:
            database = "ready" if await self._is_migrated() else "the database has no tables: run `parley migrate`"
        except Problem as error:
            database = error.detail
        bus = "ready" if self._node.healthy else "the bus to Redis is down; messages are kept and follow"
        drain = "ready" if not self._node.is_draining else "this process is about to end"
        journal = "ready" if self._journal.is_writing else "this process writes no messages any more; end it"
        return {"database": database, "journal": journal, "bus": bus, "drain": drain}


def _limits(settings: Settings) -> Limits:
    return Limits(settings.sockets, settings.sockets_per_user, settings.commands_per_second)


def _origins(settings: Settings) -> frozenset[str] | None:
    """The web pages that may open a socket beside those of the address that they ask; None, for any, with a `*`."""
    if "*" in settings.allowed_origins:
        return None
    # A proxy may tell us another host than the one it is asked for, and on one machine two names mean the same.
    own = [settings.public_url, *(f"http://{host}:{settings.port}" for host in ("127.0.0.1", "localhost"))]
    return frozenset(origin_of(url) for url in [*own, *settings.allowed_origins] if url)
