"""The one place that appends to threads: what arrives during a flush joins the next one. Knows no caller."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from server import clock, metrics
from server.chat.statements import APPEND, REPOSTED
from server.database import CONNECT_SECONDS, GONE, STATEMENT_SECONDS, unavailable
from server.errors import Conflict, Invalid, Limited, Missing, Problem
from server.logging import named

FLUSH_LIMIT = 512  # rows a statement; more gains nothing and holds the threads' locks longer
FLUSH_LEAST = 32  # that leave together if they are there; fewer gain nothing by being divided
WAITING_LIMIT = 10_000  # drafts of one process; a caller beyond is told to come back
WAITING_BYTES = 67_108_864  # of their texts and payloads, likewise
REPOSTS_LIMIT = 1_000  # of one draft on its way
WAIT_SECONDS = 15.0  # a caller hears within this whatever happens: the outcome, or that nobody knows
REPOST_TRIES = 5  # how often a flush that met the same client_id on another process reads again

# What one draft may be refused for, alone; whatever else goes wrong is no draft's fault.
BAD_ROW = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)

log = named("journal")


Identity = tuple[int, int | None, str]  # by the numbers of the ids, which are hashed at a third of the cost


class Draft(Struct, frozen=True, gc=False):
    """A message before it has a place. `payload` is finished JSON text; the text is already normalised."""

    id: UUID
    thread_id: UUID
    author_id: UUID | None
    author_kind: str
    text: str
    kind: str = "text"
    payload: str | None = None
    client_id: str | None = None
    reply_to: UUID | None = None
    status: str = "sent"
    tags: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """About what it takes up while it waits."""
        return len(self.text) + len(self.payload or "")

    @property
    def identity(self) -> Identity | None:
        """What makes a repost the same message; None when the author gave no client_id."""
        author = None if self.author_id is None else self.author_id.int
        return None if self.client_id is None else (self.thread_id.int, author, self.client_id)


class Posted(Struct, frozen=True, gc=False):
    """A message after its commit. `json` is its public form, finished; `is_first` is False for a repost.

    `slug` is its thread's: a room is listened to by name, too.
    """

    id: UUID
    thread_id: UUID
    number: int
    offset: int
    epoch: str
    json: str
    slug: str | None = None
    is_first: bool = True


Announce = Callable[[Sequence[Posted]], None]
Outcomes = dict[UUID, Posted | Problem]


Told = Callable[["Posted | Problem"], None]  # what became of a draft


class Waiting:
    """A draft, whom to tell what became of it, and those who posted the same again meanwhile."""

    __slots__ = ("_others", "_told", "draft", "since")

    def __init__(self, draft: Draft, told: Told) -> None:
        self.draft = draft
        self.since = clock.monotonic()
        self._told: Told | None = told
        self._others: list[Told] | None = None

    def also(self, told: Told) -> None:
        """For one who posts the same again."""
        if self._others is None:
            self._others = []
        if len(self._others) >= REPOSTS_LIMIT:
            raise Limited("posted_too_often", "this client_id is on its way already; wait for it", retry_after=1.0)
        self._others.append(told)

    def answer(self, outcome: Posted | Problem) -> None:
        """Tell all who still wait."""
        if (told := self._told) is not None:
            self._told = None
            _say(told, outcome)
        if (others := self._others) is not None:
            self._others = None
            again = replace(outcome, is_first=False) if isinstance(outcome, Posted) else outcome
            for other in others:
                _say(other, again)


class Journal:
    """Group commit over one connection of its own. Announces after the commit, in the order of the offsets."""

    def __init__(self, url: str, announce: Announce) -> None:
        self._url = url
        self._announce = announce
        self._waiting: deque[Waiting] = deque()
        self._waiting_bytes = 0
        self._flying: list[Waiting] = []  # taken, and not told yet
        self._underway: dict[Identity, Waiting] = {}
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._closing = False

    async def open(self) -> None:
        """Start the writer; it connects at the first post."""
        self._writer = asyncio.create_task(self._write(), name="journal")
        self._watcher = asyncio.create_task(self._watch(), name="journal's clock")

    @property
    def is_writing(self) -> bool:
        """Whether what is posted has a chance to be written."""
        return self._writer is not None and not self._writer.done()

    async def close(self) -> None:
        """Commit what waits, then stop. Whoever posts afterwards is told Unavailable."""
        self._closing = True
        self._wake.set()
        if self._writer is not None:
            try:
                await asyncio.wait_for(self._writer, STATEMENT_SECONDS)
            except TimeoutError:
                log.error("journal_closed_late", waiting=len(self._waiting))
        if self._watcher is not None:
            self._watcher.cancel()
        for waiting in (*self._flying, *self._waiting):
            waiting.answer(unavailable())
        self._disconnect()

    async def post(self, draft: Draft) -> Posted:
        """Append one message; returns after the commit.

        The same `client_id` by the same author in the same thread returns the first message. Raises Missing (no such
        thread), Invalid (a value PostgreSQL refuses), Limited (too many wait), Unavailable (nobody knows: post again
        with the same client_id).
        """
        return await self.place(draft)

    def place(self, draft: Draft) -> asyncio.Future[Posted]:
        """Take the draft's place in the order now; the future ends as `post` would, and within WAIT_SECONDS."""
        future: asyncio.Future[Posted] = asyncio.get_running_loop().create_future()
        self.put(draft, partial(_settle, future))
        return future

    def put(self, draft: Draft, told: Told) -> None:
        """The same for one who needs no future: `told` is called once, in the journal's turn, with what came of it."""
        if self._closing:
            raise unavailable()
        identity = draft.identity
        if identity is not None and (same := self._underway.get(identity)) is not None:
            same.also(told)
            return
        if len(self._waiting) >= WAITING_LIMIT or self._waiting_bytes >= WAITING_BYTES:
            raise Limited("journal_full", "too many messages wait to be written; try again", retry_after=1.0)
        waiting = Waiting(draft, told)
        if identity is not None:
            self._underway[identity] = waiting
        self._waiting.append(waiting)
        self._waiting_bytes += draft.size_bytes
        self._wake.set()

    async def _watch(self) -> None:
        """One clock for all who wait: a timer each would cost as much as the rest of a post."""
        while True:
            await asyncio.sleep(1)
            before = clock.monotonic() - WAIT_SECONDS
            for waiting in self._flying:  # the oldest first
                if waiting.since > before:
                    break
                waiting.answer(unavailable())
            while self._waiting and self._waiting[0].since <= before:
                late = self._take()  # never sent: whoever is told so may post it anew
                self._forget(late)
                late.answer(unavailable())

    async def _write(self) -> None:
        told: list[Waiting] = []
        outcomes: Outcomes = {}
        while not (self._closing and not self._waiting and not told):
            batch = self._taken(len(told))
            self._flying = [*told, *batch]
            flush = asyncio.create_task(self._settled([each.draft for each in batch])) if batch else None
            if flush is not None:
                # The statement leaves before the last batch's callers are woken: both cores work.
                await asyncio.sleep(0)
            self._tell(told, outcomes)
            told, outcomes = batch, await flush if flush is not None else {}
            if not (told or self._waiting or self._closing):
                self._wake.clear()
                await self._wake.wait()

    def _taken(self, just_written: int) -> list[Waiting]:
        """Half of the crowd, those whose last post was written a moment ago with it: the other half posts meanwhile.

        Taken whole, a crowd that posts as soon as it is answered leaves PostgreSQL idle while it is answered.
        """
        half = (len(self._waiting) + just_written + 1) // 2
        return [self._take() for _ in range(min(len(self._waiting), FLUSH_LIMIT, max(FLUSH_LEAST, half)))]

    def _take(self) -> Waiting:
        waiting = self._waiting.popleft()
        self._waiting_bytes -= waiting.draft.size_bytes
        return waiting

    async def _settled(self, drafts: Sequence[Draft]) -> Outcomes:
        """An outcome for every draft; a bad one fails alone, never its neighbours."""
        try:
            return await self._flush(drafts)
        except GONE as error:
            log.warning("flush_lost", error=repr(error), drafts=len(drafts))
            return self._lost(drafts)
        except BAD_ROW as error:
            if len(drafts) == 1:
                return {drafts[0].id: _refusal(error)}
            half = len(drafts) // 2
            return {**await self._settled(drafts[:half]), **await self._settled(drafts[half:])}
        except Exception:  # a full disk, a server that became read-only, or a bug: perhaps another connection serves
            log.exception("flush_failed", drafts=len(drafts))
            return self._lost(drafts)

    async def _flush(self, drafts: Sequence[Draft]) -> Outcomes:
        """Commit the drafts with one statement. A repost makes it fail whole: it is set apart and the rest goes."""
        outcomes: Outcomes = {}
        for last in (*(False,) * (REPOST_TRIES - 1), True):
            try:
                connection = await self._connected()
                rows = await connection.fetch(APPEND, *columns(drafts))
                outcomes.update((row[0], Posted(*row)) for row in rows)
                break
            except asyncpg.UniqueViolationError:
                if last:
                    raise
                known = await connection.fetch(REPOSTED, *identities(drafts))
                outcomes.update((row[0], replace(Posted(*row[1:]), is_first=False)) for row in known)
                drafts = [draft for draft in drafts if draft.id not in outcomes]
                if not drafts:
                    break
            except asyncpg.DeadlockDetectedError:
                if last:
                    raise
        metrics.flushes.inc()
        return outcomes

    def _lost(self, drafts: Sequence[Draft]) -> Outcomes:
        """Nobody knows whether these were committed: the authors post again, with the same client_id."""
        self._disconnect()
        return {draft.id: unavailable() for draft in drafts}

    def _tell(self, batch: list[Waiting], outcomes: Outcomes) -> None:
        """Announce what is new, then answer those who wait."""
        fresh = [one for one in outcomes.values() if isinstance(one, Posted) and one.is_first]
        metrics.posts.inc(len(fresh))
        if fresh:
            try:
                self._announce(fresh)
            except Exception:  # the rows are safe: who listens reads them, and the next flush must go on
                log.exception("announcement_failed", messages=len(fresh))
        for waiting in batch:
            self._forget(waiting)
            outcome = outcomes.get(waiting.draft.id)
            waiting.answer(outcome if outcome is not None else _no_such_thread())

    def _forget(self, waiting: Waiting) -> None:
        """From now on the same draft is another one."""
        if (identity := waiting.draft.identity) is not None:
            self._underway.pop(identity, None)

    async def _connected(self) -> asyncpg.Connection[asyncpg.Record]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._url,
                timeout=CONNECT_SECONDS,
                command_timeout=STATEMENT_SECONDS,
                # The statement is always the same; planning it anew costs as much as a quarter of a flush.
                server_settings={
                    "plan_cache_mode": "force_generic_plan",
                    "enable_seqscan": "off",
                    "application_name": "parley journal",
                },
            )
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _say(told: Told, outcome: Posted | Problem) -> None:
    if not isinstance(outcome, Posted):
        metrics.refused_posts.inc()
    try:
        told(outcome)
    except Exception:  # theirs, whoever they are: the others wait as well
        log.exception("post_not_told")


def _settle(future: asyncio.Future[Posted], outcome: Posted | Problem) -> None:
    if future.done():
        return
    if isinstance(outcome, Posted):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
        future.exception()  # marked as seen: whoever posted may have left


def _no_such_thread() -> Missing:
    return Missing("no_such_thread", "there is no such thread, or it is not yours")


def columns(drafts: Sequence[Draft]) -> list[list[Any]]:
    """The drafts turned on their side: one array a column, as APPEND takes them."""
    steps: dict[int, int] = {}
    places = []
    for draft in drafts:
        thread = draft.thread_id.int
        steps[thread] = place = steps.get(thread, 0) + 1
        places.append(place)
    return [
        [draft.id for draft in drafts],
        [draft.thread_id for draft in drafts],
        places,
        [draft.author_id for draft in drafts],
        [draft.author_kind for draft in drafts],
        [draft.kind for draft in drafts],
        [draft.text for draft in drafts],
        [draft.payload for draft in drafts],
        [draft.client_id for draft in drafts],
        [draft.reply_to for draft in drafts],
        [draft.status for draft in drafts],
        [" ".join(draft.tags) for draft in drafts],
    ]


def identities(drafts: Sequence[Draft]) -> list[list[Any]]:
    """The same for REPOSTED, of those that have a client_id."""
    named_drafts = [draft for draft in drafts if draft.client_id is not None]
    return [
        [draft.id for draft in named_drafts],
        [draft.thread_id for draft in named_drafts],
        [draft.author_id for draft in named_drafts],
        [draft.client_id for draft in named_drafts],
    ]


def _refusal(error: asyncpg.PostgresError) -> Problem:
    """What PostgreSQL has against this one message."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return Conflict("client_id_contested", "this client_id is being posted elsewhere; post it again")
    return Invalid("unacceptable_message", f"the message cannot be stored: {error}")
