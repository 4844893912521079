"""Who may do what in a thread: the one place that decides it, for REST, socket and workers alike."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from server import clock
from server.auth.constants import Role
from server.auth.policy import Caller
from server.chat.constants import Capability, Kind
from server.database import Database
from server.errors import Forbidden, Missing

REMEMBER_SECONDS = 1.0  # a removed member loses the thread on every process within this
REMEMBER_LIMIT = 50_000  # standings of one process, about 20 MB; the oldest leave first

_Key = tuple[UUID, UUID, str]
_OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
_WRITERS = frozenset({Capability.POST, Capability.MANAGE})

STANDING = """
SELECT t.kind, m.capability, t.slug
FROM threads t LEFT JOIN members m ON m.thread_id = t.id AND m.user_id = $2
WHERE t.id = $1
"""


# The same rules for lists, over threads t and the caller's membership m; a test holds them against `may_read`.
VISIBLE_TO_MEMBERS = "(m.capability IS NOT NULL AND t.kind <> 'notes')"
VISIBLE_TO_OPERATORS = f"(t.kind IN ('support', 'telegram') OR {VISIBLE_TO_MEMBERS})"


def is_operator(role: str) -> bool:
    """Whether a person of this role works here."""
    return role in _OPERATORS


@dataclass(frozen=True, slots=True)
class Standing:
    """How one person stands to one thread."""

    thread_id: UUID
    kind: Kind
    role: Role
    capability: Capability | None
    slug: str | None = None

    @property
    def is_operator(self) -> bool:
        """Whether the person works here."""
        return is_operator(self.role)

    @property
    def may_read(self) -> bool:
        """Operators read what outsiders write; members read what is theirs; a room is open."""
        match self.kind:
            case Kind.SUPPORT | Kind.TELEGRAM:
                return self.is_operator or self.capability is not None
            case Kind.DIRECT | Kind.GROUP:
                return self.capability is not None
            case Kind.NOTES:
                return self.is_operator
            case Kind.ROOM:
                return True

    @property
    def may_post(self) -> bool:
        """Who reads may post, unless their membership says that they only read."""
        if self.kind is Kind.ROOM or (
            self.is_operator and self.may_read and self.kind not in (Kind.DIRECT, Kind.GROUP)
        ):
            return True
        return self.may_read and self.capability in _WRITERS

    @property
    def may_manage(self) -> bool:
        """Change the thread itself, its members, and other people's messages."""
        match self.kind:
            case Kind.SUPPORT | Kind.TELEGRAM | Kind.NOTES | Kind.ROOM:
                return self.is_operator
            case Kind.GROUP:
                return self.capability is Capability.MANAGE
            case Kind.DIRECT:
                return False

    @property
    def may_archive(self) -> bool:
        """Put the thread away and take it out again: its own people may, and in an open room only who manages it."""
        return self.may_manage or (self.may_post and self.kind is not Kind.ROOM)


def checked(standing: Standing | None) -> Standing:
    """The standing of someone who may read. Anyone else is told Missing: never a hint that the thread exists."""
    if standing is None or not standing.may_read:
        raise Missing("no_such_thread", "there is no such thread, or it is not yours")
    return standing


def checked_for_posting(standing: Standing | None) -> Standing:
    """The same for someone who may post; a reader who may not is told Forbidden."""
    reader = checked(standing)
    if not reader.may_post:
        raise Forbidden("read_only", "you may read this thread and not post in it")
    return reader


def checked_for_managing(standing: Standing | None) -> Standing:
    """The same for someone who may manage the thread."""
    reader = checked(standing)
    if not reader.may_manage:
        raise Forbidden("not_a_manager", "only those who manage this thread may do that")
    return reader


class Access:
    """Standings by person and thread, remembered for a second so that a busy poster costs no query a message."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[_Key, tuple[float, Standing]] = OrderedDict()
        self._asking: dict[_Key, asyncio.Task[Standing | None]] = {}

    async def standing(self, caller: Caller, thread_id: UUID) -> Standing | None:
        """How the caller stands to the thread, at most a second old; None where no such thread is.

        Callers that ask for the same at once share one query and go on in the order in which they asked.
        """
        key = (caller.user, thread_id, caller.role)
        known = self._known.get(key)
        if known is not None and clock.monotonic() - known[0] < REMEMBER_SECONDS:
            return known[1]
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(key))
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(asking)

    async def _ask(self, key: _Key) -> Standing | None:
        user, thread_id, role = key
        asked_at = clock.monotonic()
        async with self._database.connection() as connection:
            row = await connection.fetchrow(STANDING, thread_id, user)
        if row is None:
            return None
        capability = Capability(row["capability"]) if row["capability"] else None
        standing = Standing(thread_id, Kind(row["kind"]), Role(role), capability, row["slug"])
        if standing.may_read:  # a refusal is never remembered: it may be lifted at any moment
            self._known[key] = (asked_at, standing)
            self._known.move_to_end(key)
            if len(self._known) > REMEMBER_LIMIT:
                self._known.popitem(last=False)
        return standing

    def forget(self, thread_id: UUID) -> None:
        """A membership changed here: ask again at once on this process."""
        for key in [key for key in self._known if key[1] == thread_id]:
            del self._known[key]
