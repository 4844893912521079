"""The rows of what goes out: made from the threads, claimed, and moved from state to state. Calls nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from server.bot.constants import RelayStatus
from server.chat.journal import Posted
from server.chat.statements import message_json
from server.database import PlainConnection

CLAIM_SECONDS = 60  # longer than pacing and calls of one message take
RECENT_SECONDS = 10
DERIVED = 500  # contacts in one statement

_LATELY = """AND t.id IN (
    SELECT id FROM threads WHERE active_at > now() - make_interval(secs => $3)
    UNION ALL
    SELECT thread_id FROM messages WHERE (edited_at IS NOT NULL OR deleted_at IS NOT NULL)
      AND greatest(edited_at, deleted_at) > now() - make_interval(secs => $3))"""
# Whatever was committed as `queued` gets its row, even if whoever posted it died in the same moment.
_DERIVE = """
WITH due AS (
  SELECT c.id, c.thread_id, c.relayed_offset, t.top FROM threads t JOIN contacts c ON c.thread_id = t.id
  WHERE c.bot_id = $1 AND t.top > c.relayed_offset {lately}
  LIMIT $2 FOR UPDATE OF c SKIP LOCKED
), made AS (
  INSERT INTO relays (id, contact_id, thread_id, message_id, number)
  SELECT gen_random_uuid(), d.id, m.thread_id, m.id, m.number
  FROM due d JOIN messages m ON m.thread_id = d.thread_id AND m."offset" > d.relayed_offset AND m."offset" <= d.top
  WHERE m.status = 'queued' AND m.author_kind <> 'contact'
  ON CONFLICT (contact_id, message_id) DO NOTHING
), amended AS (
  UPDATE relays r SET due_at = now(), is_outdated = r.status <> 'sent',
    status = CASE WHEN r.status = 'sent' THEN 'queued' ELSE r.status END
  FROM due d JOIN messages m ON m.thread_id = d.thread_id AND m."offset" > d.relayed_offset AND m."offset" <= d.top
  WHERE r.contact_id = d.id AND r.message_id = m.id AND r.status IN ('queued', 'sending', 'sent')
    AND greatest(m.edited_at, m.deleted_at) > coalesce(r.settled_at, r.created_at)
)
UPDATE contacts c SET relayed_offset = d.top FROM due d WHERE c.id = d.id RETURNING c.id
"""
DERIVE_ALL = _DERIVE.format(lately="")
DERIVE_LATELY = _DERIVE.format(lately=_LATELY)  # of as many seconds as the third value says
# Only the first of a contact's: so the order is kept whoever sends. A claim that ran out was never marked `sending`.
CLAIM = f"""
WITH mine AS (
  SELECT r.id FROM relays r
  WHERE r.status = 'queued' AND r.due_at <= now() AND (r.claimed_until IS NULL OR r.claimed_until < now())
    AND r.contact_id IN (SELECT id FROM contacts WHERE bot_id = $1)
    AND NOT EXISTS (SELECT FROM relays e WHERE e.contact_id = r.contact_id AND e.status IN ('queued', 'sending')
                    AND (e.number < r.number OR e.status = 'sending'))
  ORDER BY r.due_at LIMIT $2 FOR UPDATE OF r SKIP LOCKED
)
UPDATE relays r SET is_outdated = false, claimed_until = now() + interval '{CLAIM_SECONDS} seconds'
FROM mine, contacts c, messages m
WHERE r.id = mine.id AND c.id = r.contact_id AND m.thread_id = r.thread_id AND m.number = r.number
RETURNING r.id, r.contact_id, c.chat_id, c.kind = 'group' AS is_group, m.text, m.payload,
  r.thread_id, m.deleted_at IS NOT NULL AS is_deleted,
  r.telegram_ids,
  (SELECT o.telegram_ids[1] FROM relays o
   WHERE o.contact_id = r.contact_id AND o.message_id = m.reply_to) AS reply_relay,
  (SELECT o.client_id FROM messages o WHERE o.id = m.reply_to AND o.author_kind = 'contact') AS reply_client
"""
PUT_BACK = """
UPDATE relays SET claimed_until = NULL, due_at = now() + make_interval(secs => $2)
WHERE id = $1 AND status = 'queued'
"""
# Rows, the message's public status and the thread's next offset in one statement; a row that has moved on is left out.
MARK = f"""
WITH told AS (
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::float8[])
  AS t(id, status, reason, telegram_ids, allowed, wait)
), ordered AS (
  SELECT h.id FROM threads h
  WHERE h.id IN (SELECT r.thread_id FROM relays r JOIN told t ON t.id = r.id) ORDER BY h.id FOR UPDATE
), changed AS (
  UPDATE relays r SET is_outdated = r.is_outdated AND t.status <> 'sent',
    status = CASE WHEN r.is_outdated AND t.status = 'sent' THEN 'queued' ELSE t.status END,
    reason = t.reason, due_at = now() + make_interval(secs => t.wait),
    tries = r.tries + CAST(t.status = 'queued' AS int),
    telegram_ids = string_to_array(t.telegram_ids, ' ')::bigint[],
    claimed_until = CASE WHEN t.status = 'sending' THEN now() + interval '{CLAIM_SECONDS} seconds' END,
    settled_at = CASE WHEN t.status NOT IN ('queued', 'sending') THEN now() END
  FROM told t WHERE r.id = t.id AND r.status = ANY (string_to_array(t.allowed, ' ')) RETURNING r.*
), moved AS (
  UPDATE threads h SET top = h.top + 1 FROM ordered o
  WHERE h.id = o.id AND h.id IN (SELECT thread_id FROM changed) RETURNING h.id, h.top, h.epoch, h.slug
), shown AS (
  UPDATE messages m SET status = c.status, "offset" = moved.top, payload = CASE WHEN c.reason IS NULL
      THEN nullif(m.payload - 'delivery', '{{}}'::jsonb)
      ELSE coalesce(m.payload, '{{}}'::jsonb) || jsonb_build_object('delivery', c.reason) END
  FROM changed c JOIN moved ON moved.id = c.thread_id
  WHERE m.thread_id = c.thread_id AND m.number = c.number RETURNING m.*
), kept AS (
  UPDATE contacts k SET relayed_offset = moved.top FROM moved
  WHERE k.thread_id = moved.id AND k.relayed_offset = moved.top - 1
)
SELECT s.id, s.thread_id, s.number, s."offset", moved.epoch, {message_json("s")}, moved.slug
FROM shown s JOIN moved ON moved.id = s.thread_id
"""
REPEATABLE = (RelayStatus.UNKNOWN, RelayStatus.FAILED, RelayStatus.BLOCKED)
OF_MESSAGE = "SELECT id, status FROM relays WHERE message_id = $1"
STALE = "SELECT id, telegram_ids FROM relays WHERE status = 'sending' AND claimed_until < now() LIMIT 500"
LOST = "whoever sent it ended before it could say how that went; it may have arrived"


@dataclass(frozen=True, slots=True)
class Mark:
    """What became of a relay. It moves only from the states that are allowed."""

    id: UUID
    status: RelayStatus
    reason: str | None = None
    telegram_ids: tuple[int, ...] = ()
    allowed: tuple[RelayStatus, ...] = (RelayStatus.SENDING,)
    wait_seconds: float = 0.0


async def mark(connection: PlainConnection, marks: Sequence[Mark]) -> list[Posted]:
    """Move the relays, at most one of a contact; returns their messages, to be announced: the rest had moved on."""
    rows = await connection.fetch(
        MARK,
        [each.id for each in marks],
        [each.status for each in marks],
        [each.reason for each in marks],
        [" ".join(map(str, each.telegram_ids)) for each in marks],
        [" ".join(each.allowed) for each in marks],
        [each.wait_seconds for each in marks],
    )
    return [Posted(*row) for row in rows]
