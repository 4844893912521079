"""The rows that say which questions wait, who looks at a thread now, and what was decided. Decides nothing itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from server import clock, ids
from server.assistant.constants import Carrier, Path
from server.assistant.rules import is_command
from server.chat.constants import Kind
from server.database import Database

LEASE = timedelta(seconds=10)  # renewed every second by whoever works on the thread
LOOK_BACK = timedelta(minutes=2)  # clocks differ, and a thread's `active_at` moves at most once a second
THREADS_AT_ONCE = 100
MESSAGES_LIMIT = 20  # of a thread that are looked at
DAY_SECONDS = 86_400

# Threads that it looks after: those of visitors, and of people and groups on Telegram.
_OURS = "t.kind IN ('support', 'telegram')"
_FREE = "t.handled_by IS NULL AND t.waiting_since IS NULL"
# Threads with news that nobody has looked at, and those whose worker has died.
DUE = f"""
(SELECT t.id FROM threads t LEFT JOIN attendances a ON a.thread_id = t.id
 WHERE t.active_at > $1 AND {_OURS} AND t.status = 'open' AND {_FREE}
   AND t.posted > coalesce(a.seen, 0) AND a.lease IS NULL
 ORDER BY t.active_at LIMIT $2)
UNION
(SELECT a.thread_id FROM attendances a WHERE a.leased_until < now() LIMIT $2)
"""
CLAIM = """
INSERT INTO attendances AS a (thread_id, lease, leased_until) VALUES ($1, $2, now() + $3)
ON CONFLICT (thread_id) DO UPDATE SET lease = excluded.lease, leased_until = excluded.leased_until
WHERE a.lease IS NULL OR a.leased_until < now() RETURNING true
"""
# The thread as it stands, the lease renewed; nothing when somebody else has it by now.
STAND = f"""
WITH held AS (
  UPDATE attendances SET leased_until = now() + $3 WHERE thread_id = $1 AND lease = $2 RETURNING seen, carrier
)
SELECT t.posted, {_FREE} AS is_free, h.seen, h.carrier, t.created_by, u.language, t.kind
FROM held h JOIN threads t ON t.id = $1 LEFT JOIN users u ON u.id = t.created_by
"""
RELEASE = """
UPDATE attendances SET lease = NULL, leased_until = NULL, seen = greatest(seen, $3) WHERE thread_id = $1 AND lease = $2
"""
SEE = "UPDATE attendances SET seen = greatest(seen, $3) WHERE thread_id = $1 AND lease = $2"
# What people outside said since, the newest first; an operator's word, or none of ours, ends it. What a group says
# among itself is nobody's question.
UNSEEN = """
SELECT m.id, m.number, m.text, m.payload, m.deleted_at IS NULL AS is_there,
       m.author_id IS DISTINCT FROM $3 AND u.role IN ('operator', 'admin') AS is_operators
FROM messages m LEFT JOIN users u ON u.id = m.author_id
WHERE m.thread_id = $1 AND m.number > $2 AND m.author_kind IN ('user', 'contact')
  AND m.payload -> 'addressed' IS DISTINCT FROM 'false'::jsonb
ORDER BY m.number DESC LIMIT $4
"""
SAID_BEFORE = """
SELECT m.author_kind, m.text FROM messages m
WHERE m.thread_id = $1 AND m.number < $2 AND m.deleted_at IS NULL ORDER BY m.number DESC LIMIT $3
"""
UNFINISHED = "SELECT * FROM decisions WHERE thread_id = $1 AND finished_at IS NULL ORDER BY number LIMIT 1"
LATEST = "SELECT path, language FROM decisions WHERE thread_id = $1 ORDER BY number DESC LIMIT $2"
DECIDE = """
INSERT INTO decisions (question_id, thread_id, number, path, carrier, language, articles, model, latency_ms,
                       reply_text, reply_payload, prompt_tokens, answer_tokens, reason)
SELECT $2, $1, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11::jsonb, $13, $14, $15 FROM attendances a
WHERE a.thread_id = $1 AND a.lease = $12
ON CONFLICT (question_id) DO NOTHING
"""
# The ids of questions begin with the moment.
SPENT = """
SELECT coalesce(sum(prompt_tokens + answer_tokens), 0) FROM decisions
WHERE question_id > $1 AND ($2::uuid IS NULL OR thread_id = $2)
"""
WAS_TOLD = "SELECT EXISTS (SELECT FROM decisions WHERE thread_id = $1 AND path = $2 AND reply_id IS NOT NULL)"
FINISH = "UPDATE decisions SET finished_at = now(), reply_id = $2 WHERE question_id = $1 AND finished_at IS NULL"


@dataclass(frozen=True, slots=True)
class Stand:
    """A thread, for whoever holds its lease."""

    posted: int
    is_free: bool
    seen: int
    carrier: Carrier | None
    owner: UUID | None
    owner_language: str | None
    kind: Kind


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: what somebody outside said since anybody answered, in one text."""

    id: UUID
    number: int
    text: str
    before: str | None
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Decided:
    """What is to be said, and why."""

    question_id: UUID
    number: int
    path: Path
    carrier: str
    language: str
    articles: list[dict[str, Any]]
    reply_text: str
    reply_payload: dict[str, Any] | None
    latency_ms: int
    model: str | None = None
    tokens: tuple[int, int] | None = None
    reason: str | None = None


class Ledger:
    """Reads and writes the rows; every write holds only for who has the lease."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked_at: datetime | None = None

    async def due(self) -> list[UUID]:
        """Threads that somebody has to look at. The first look of a process goes back to the beginning."""
        since = datetime.fromtimestamp(0).astimezone() if self._looked_at is None else self._looked_at - LOOK_BACK
        async with self._database.connection() as connection:
            now = await connection.fetchval("SELECT now()")
            found = [row[0] for row in await connection.fetch(DUE, since, THREADS_AT_ONCE)]
        if len(found) < THREADS_AT_ONCE:
            self._looked_at = now
        return found

    async def claim(self, thread_id: UUID) -> UUID | None:
        """A lease on the thread; None while somebody else has it."""
        lease = ids.new()
        async with self._database.connection() as connection:
            return lease if await connection.fetchval(CLAIM, thread_id, lease, LEASE) else None

    async def stand(self, thread_id: UUID, lease: UUID) -> Stand | None:
        """The thread as it stands now, the lease renewed; None when it is lost."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(STAND, thread_id, lease, LEASE)
        if row is None:
            return None
        return Stand(row[0], row[1], row[2], Carrier(row[3]) if row[3] else None, row[4], row[5], Kind(row[6]))

    async def release(self, thread_id: UUID, lease: UUID, seen: int) -> None:
        """Done with what was posted up to there."""
        async with self._database.connection() as connection:
            await connection.execute(RELEASE, thread_id, lease, seen)

    async def see(self, thread_id: UUID, lease: UUID, number: int) -> None:
        """What was posted up to there has its answer."""
        async with self._database.connection() as connection:
            await connection.execute(SEE, thread_id, lease, number)

    async def question(self, thread_id: UUID, stand: Stand) -> Asked | None:
        """What waits for an answer, if anything does."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(UNSEEN, thread_id, stand.seen, stand.owner, MESSAGES_LIMIT)
            asked = []
            for row in rows:
                if row["is_operators"]:
                    break
                if row["is_there"] and not (stand.kind is Kind.TELEGRAM and is_command(row["text"])):
                    asked.append(row)
            if not asked:
                return None
            said = await connection.fetch(SAID_BEFORE, thread_id, asked[0]["number"], MESSAGES_LIMIT)
        before = next((row["text"] for row in said if row["author_kind"] in ("user", "contact")), None)
        words = "\n".join(row["text"] for row in reversed(asked))
        payload = json.loads(asked[0]["payload"]) if asked[0]["payload"] else {}
        return Asked(asked[0]["id"], asked[0]["number"], words, before, payload)

    async def unfinished(self, thread_id: UUID) -> Decided | None:
        """What was decided, and perhaps not said: whoever decided it may have died."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(UNFINISHED, thread_id)
        if row is None:
            return None
        payload = None if row["reply_payload"] is None else json.loads(row["reply_payload"])
        return Decided(
            row["question_id"],
            row["number"],
            Path(row["path"]),
            row["carrier"],
            row["language"],
            json.loads(row["articles"]),
            row["reply_text"],
            payload,
            row["latency_ms"],
            row["model"],
        )

    async def latest(self, thread_id: UUID, count: int) -> list[tuple[Path, str]]:
        """The paths and languages of the last decisions, the newest first."""
        async with self._database.connection() as connection:
            return [(Path(row[0]), row[1]) for row in await connection.fetch(LATEST, thread_id, count)]

    async def decide(self, thread_id: UUID, lease: UUID, decided: Decided) -> None:
        """Keep what is going to be said; a question that was decided before keeps its first decision."""
        payload = None if decided.reply_payload is None else json.dumps(decided.reply_payload)
        prompt_tokens, answer_tokens = decided.tokens or (None, None)
        async with self._database.connection() as connection:
            await connection.execute(
                DECIDE,
                thread_id,
                decided.question_id,
                decided.number,
                decided.path,
                decided.carrier,
                decided.language,
                json.dumps(decided.articles),
                decided.model,
                decided.latency_ms,
                decided.reply_text,
                payload,
                lease,
                prompt_tokens,
                answer_tokens,
                decided.reason,
            )

    async def was_told(self, thread_id: UUID, path: Path) -> bool:
        """Whether a person in this thread was told that before."""
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(WAS_TOLD, thread_id, path))

    async def spent(self, thread_id: UUID | None) -> int:
        """The tokens that language models took within a day, in this thread or, of None, in all."""
        since = ids.earliest_at(clock.now().timestamp() - DAY_SECONDS)
        async with self._database.connection() as connection:
            return int(await connection.fetchval(SPENT, since, thread_id))

    async def finish(self, question_id: UUID, reply_id: UUID | None) -> None:
        """It was said, or, with None, an operator was quicker."""
        async with self._database.connection() as connection:
            await connection.execute(FINISH, question_id, reply_id)


def reply_name(question_id: UUID) -> str:
    """The client_id of the one reply to a question: whoever posts it again posts the same message."""
    return f"reply:{question_id}"
