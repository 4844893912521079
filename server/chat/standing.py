"""Who may do what in a thread: the one place that decides it, for REST, socket and workers alike. Reads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from server.auth.constants import Role
from server.chat.constants import Capability, Kind
from server.errors import Forbidden, Missing

_OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
_WRITERS = frozenset({Capability.POST, Capability.MANAGE})

HANDLED = frozenset({Kind.SUPPORT, Kind.TELEGRAM})  # kinds that the assistant or one operator looks after

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
    def is_answering(self) -> bool:
        """Whether what the person says here is an operator's word to somebody outside."""
        return self.is_operator and self.kind in HANDLED

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
