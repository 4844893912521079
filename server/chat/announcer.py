"""What the chat room says to those who listen, after the commit: messages, and news that leave no trace."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import groupby
from uuid import UUID

from server import clock
from server.auth.policy import Caller
from server.chat.bulletin import Bulletin
from server.chat.constants import Capability
from server.chat.journal import Posted
from server.chat.tasks import IndexMessages
from server.queue import Task
from server.realtime.seam import Publication

INBOX = "inbox"
ROOM = "room:"
TYPING_SECONDS = 2.0  # who types is said at most so often
TYPISTS_LIMIT = 10_000  # of one process; the one heard of longest ago is forgotten

Tell = Callable[[str, str, Sequence[Publication]], None]


def channels_of(thread_id: UUID, slug: str | None) -> list[str]:
    """The names under which people listen to a thread."""
    named = f"thread:{thread_id}"
    return [named, slug] if slug is not None and slug.startswith(ROOM) else [named]


def channel_of(user_id: UUID) -> str:
    """Where one person alone is told what concerns them."""
    return f"user:{user_id}"


class Announcer:
    """`tell` says publications to all who listen to a channel, `review` has every node ask who may still listen."""

    def __init__(
        self,
        tell: Tell,
        review: Callable[[str], None],
        say: Callable[[Task], None],
        bulletin: Bulletin,
    ) -> None:
        """`say` hands a task to the workers; the bulletin says soon what need not be said at once."""
        self._tell = tell
        self._review = review
        self._say = say
        self._bulletin = bulletin
        self._typed: OrderedDict[tuple[UUID, UUID], float] = OrderedDict()

    def posted(self, posted: Sequence[Posted]) -> None:
        """Messages as they now are: publications, thread by thread, in the order of their offsets."""
        by_thread = sorted(posted, key=lambda one: one.thread_id)  # stable: offsets stay ascending within a thread
        for thread_id, group in groupby(by_thread, key=lambda one: one.thread_id):
            ones = list(group)
            publications = [Publication(one.offset, one.json.encode()) for one in ones]
            for channel in channels_of(thread_id, ones[0].slug):
                self._tell(channel, ones[0].epoch, publications)
            self._bulletin.note(thread_id)
        self._say(IndexMessages())

    def typing(self, caller: Caller, thread_id: UUID, slug: str | None) -> None:
        """Somebody types; said again only after a while."""
        key = (thread_id, caller.user)
        now = clock.monotonic()
        if now - self._typed.get(key, float("-inf")) < TYPING_SECONDS:
            return
        self._typed[key] = now
        self._typed.move_to_end(key)
        if len(self._typed) > TYPISTS_LIMIT:
            self._typed.popitem(last=False)
        self._news(channels_of(thread_id, slug), "typing", thread_id, user_id=str(caller.user), name=caller.name)

    def read(self, user_id: UUID, thread_id: UUID, *, number: int, unread: int) -> None:
        """Somebody has read on: said to their own connections now, and to the others in the thread soon."""
        self._bulletin.note_reader(thread_id, user_id, number)
        self._news([channel_of(user_id)], "unread", thread_id, unread=unread, posted=number + unread)

    def opened(self, thread_id: UUID, members: Sequence[UUID]) -> None:
        """A thread was opened, with these people beside the one who did."""
        self._bulletin.note(thread_id)
        for user_id in members:
            self._news([channel_of(user_id)], "joined", thread_id, capability=Capability.POST)

    def changed(self, thread_id: UUID, slug: str | None) -> None:
        """A thread was renamed, tagged, archived or reopened: whoever shows it reads it again."""
        self._bulletin.note(thread_id)
        self._news(channels_of(thread_id, slug), "changed", thread_id)

    def admitted(self, user_id: UUID, thread_id: UUID, capability: Capability) -> None:
        """Somebody may now do this in a thread."""
        self._news([channel_of(user_id)], "joined", thread_id, capability=capability)

    def removed(self, user_id: UUID, thread_id: UUID) -> None:
        """Somebody no longer belongs to a thread, and loses its channel on every node."""
        self._news([channel_of(user_id)], "left", thread_id)
        self._review(f"thread:{thread_id}")

    def _news(self, channels: Sequence[str], kind: str, thread_id: UUID, **more: object) -> None:
        data = json.dumps({"type": kind, "thread_id": str(thread_id), **more}, ensure_ascii=False).encode()
        for channel in channels:
            self._tell(channel, "", [Publication(0, data)])
