"""What the chat room says to those who listen, after the commit: messages, and news that leave no trace."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from uuid import UUID

import msgspec

from server import clock
from server.auth.policy import Caller
from server.chat.bulletin import Bulletin
from server.chat.constants import Capability
from server.chat.events import Changed, Drafting, Event, Joined, Left, Suspended, Typing, Unread
from server.chat.journal import Posted
from server.chat.names import INBOX, OUTSIDE, THREAD, channel_of, channels_of
from server.chat.tasks import AnswerQuestions, IndexMessages, Relay
from server.queue import Task
from server.realtime.seam import Publication

TYPING_SECONDS = 2.0  # who types is said at most so often
TYPISTS_LIMIT = 10_000  # of one process; the one heard of longest ago is forgotten

Tell = Callable[[str, str, Sequence[Publication]], None]


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
            if ones[0].slug is not None and ones[0].slug.startswith(OUTSIDE):
                self._say(Relay())
        self._say(IndexMessages())
        self._say(AnswerQuestions())

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
        self._broadcast(channels_of(thread_id, slug), Typing(thread_id, caller.user, caller.name))

    def drafting(self, thread_id: UUID, question_id: UUID, text: str) -> None:
        """What the assistant has written so far; empty when it is taken back."""
        self._broadcast([f"{THREAD}{thread_id}"], Drafting(thread_id, question_id, text))

    def read(self, user_id: UUID, thread_id: UUID, *, number: int, unread: int) -> None:
        """Somebody has read on: said to their own connections now, and to the others in the thread soon."""
        self._bulletin.note_reader(thread_id, user_id, number)
        self._broadcast([channel_of(user_id)], Unread(thread_id, unread, number + unread))

    def opened(self, thread_id: UUID, members: Mapping[UUID, Capability]) -> None:
        """A thread was opened with these members, who may do this."""
        self._bulletin.note(thread_id)
        for user_id, capability in members.items():
            self.admitted(user_id, thread_id, capability)

    def changed(self, thread_id: UUID, slug: str | None) -> None:
        """A thread was renamed, tagged, archived or reopened: whoever shows it reads it again."""
        self._bulletin.note(thread_id)
        self._broadcast(channels_of(thread_id, slug), Changed(thread_id))

    def admitted(self, user_id: UUID, thread_id: UUID, capability: Capability) -> None:
        """Somebody may now do this in a thread."""
        self._broadcast([channel_of(user_id)], Joined(thread_id, capability))

    def removed(self, user_id: UUID, thread_id: UUID) -> None:
        """Somebody no longer belongs to a thread, and loses its channel on every node."""
        self._broadcast([channel_of(user_id)], Left(thread_id))
        self._review(f"{THREAD}{thread_id}")

    def suspended(self, endpoint_id: UUID, why: str) -> None:
        """An endpoint for events was suspended: operators hear it, an admin can resume it."""
        self._broadcast([INBOX], Suspended(endpoint_id, why))

    def _broadcast(self, channels: Sequence[str], event: Event) -> None:
        data = msgspec.json.encode(event)
        for channel in channels:
            self._tell(channel, "", [Publication(0, data)])
