"""The SQL of the broadcast room: the freezing, the claim, the record. Counts change with deliveries, nowhere else."""

from __future__ import annotations

from server.broadcast.constants import LEASE_SECONDS, DeliveryState
from server.broadcast.models import REACHED

STATES = tuple(DeliveryState)
COUNTS = ", ".join(f"r.{state}" for state in STATES)


def _moved(before: str, after: str) -> str:
    """The counts of a run after deliveries went from one state to another, each a column of the CTE `changed`."""
    lines = (
        f"{state} = r.{state} - count(*) FILTER (WHERE {before} = '{state}')"
        f" + count(*) FILTER (WHERE {after} = '{state}')"
        for state in STATES
    )
    return ", ".join(line.replace("count(*)", "(SELECT count(*)").replace("')", "') FROM changed)") for line in lines)


MOVED = _moved("was", "state")

# The whole audience in one statement; who is in the run already stays as they are, so that it serves to extend, too.
# In the order of the key: then the index grows at its end.
FREEZE = """
WITH made AS (
  INSERT INTO deliveries (run_id, contact_id, language, variables, due_at)
  SELECT $1, c.id, c.language, jsonb_build_object('name', c.name) || c.attributes,
    CASE WHEN cardinality($3::text[]) = 0 THEN $2::timestamptz ELSE coalesce((
      SELECT z.at FROM unnest($3::text[], $4::timestamptz[]) AS z(zone, at) WHERE z.zone = c.attributes ->> 'timezone'
    ), $2::timestamptz) END
  FROM contacts c WHERE {people} ORDER BY c.id
  ON CONFLICT DO NOTHING RETURNING 1
)
SELECT count(*) FROM made
"""
UNFROZEN = "SELECT id FROM runs WHERE is_open AND frozen_at IS NULL AND state <> 'cancelled' ORDER BY id"
LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('freeze ' || $1::text, 0))"
FREEZING = """
SELECT audience, schedule, content, planned_at FROM runs
WHERE id = $1 AND is_open AND frozen_at IS NULL AND state <> 'cancelled'
"""
FROZEN = """
UPDATE runs SET frozen_at = now(), queued = queued + $2, failed = failed + $3
WHERE id = $1 AND is_open AND state <> 'cancelled' AND frozen_at IS NULL RETURNING id
"""
ZONES = "SELECT DISTINCT attributes ->> 'timezone' FROM contacts WHERE attributes ? 'timezone' LIMIT 1000"
RECIPIENTS = """
SELECT d.contact_id, d.language, d.variables FROM deliveries d
WHERE d.run_id = $1 AND d.contact_id > $2 AND {doubt} ORDER BY d.contact_id LIMIT $3
"""
UNFIT = """
UPDATE deliveries d SET state = 'failed', reason = u.reason, settled_at = now()
FROM unnest($2::uuid[], $3::text[]) AS u(contact_id, reason) WHERE d.run_id = $1 AND d.contact_id = u.contact_id
"""
EXTENDED = "UPDATE runs SET queued = queued + $2 WHERE id = $1"
COUNT = "SELECT count(*) FROM contacts c WHERE {people}"
SAMPLED = (
    "SELECT c.id, c.name, c.language, c.attributes FROM contacts c WHERE {people} ORDER BY c.id DESC LIMIT {limit}"
)
CONTACT = "SELECT id, name, language, attributes, chat_id, channel, thread_id FROM contacts WHERE id = $1"

SPENT = "(r.sent + r.sending + r.unknown)"  # all of these may have been charged
OVERSPENT = f"""
SELECT r.id, r.paid_messages FROM runs r WHERE r.is_open AND r.state = 'running' AND r.paid_messages > 0
  AND r.queued > 0 AND r.sending = 0 AND {SPENT} >= r.paid_messages
"""
# What can be sent now. Asked before a place is booked: a booked place that nobody uses is lost to all.
ACTIVE = f"""
SELECT r.id, r.content, r.schedule, r.on_unknown, r.per_second, r.paid_messages, r.sent,
  r.ignores_cap
FROM runs r WHERE r.is_open AND r.state = 'running' AND r.frozen_at IS NOT NULL AND r.queued > 0
  AND (r.paid_messages = 0 OR {SPENT} < r.paid_messages)
  AND EXISTS (SELECT FROM deliveries d WHERE d.run_id = r.id AND d.state = 'queued' AND d.due_at <= now())
ORDER BY r.id
"""
GONE = "opted out, or gone, since the start"
UNREACHABLE = "has blocked the bot since the start"
CAPPED = "was told as often as the cap allows by other campaigns"
TOLD_BEFORE = f"""(
        SELECT count(*) FROM deliveries o
        WHERE o.contact_id = m.contact_id AND o.run_id <> $1 AND o.{REACHED}
          AND (o.settled_at IS NULL OR o.settled_at > now() - make_interval(secs => $4::float8)))"""
IS_ACTIVE = f"SELECT EXISTS ({ACTIVE})"
# With a cap, campaigns claim one after another: two that find somebody at the same moment see each other.
CAP_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('campaign cap', 0))"
# Whoever opted out or blocked the bot since the freezing is told nothing, nor who was told by $3 other campaigns (0: by
# any number) in the last $4 seconds. Committed before anything is sent: a sender that dies after this leaves a row that
# says so. The run is locked first: nothing is claimed after a pause was committed, or beyond what is paid for.
CLAIM = f"""
WITH run AS MATERIALIZED (
  SELECT CASE WHEN r.paid_messages = 0 THEN $2::int ELSE greatest(0, r.paid_messages - {SPENT}) END AS free,
    CASE WHEN r.ignores_cap THEN 0 ELSE $3::int END AS cap
  FROM runs r WHERE r.id = $1 AND r.state = 'running' FOR UPDATE
), found AS (
  SELECT d.contact_id FROM deliveries d
  WHERE d.run_id = $1 AND d.state = 'queued' AND d.due_at <= now()
  ORDER BY d.due_at LIMIT $2 FOR UPDATE SKIP LOCKED
), mine AS (  -- two limits: a planner that does not know the first one would read all deliveries
  SELECT contact_id FROM found LIMIT coalesce((SELECT free FROM run), 0)
), fate AS (
  SELECT m.contact_id, c.chat_id, c.channel, c.thread_id, CASE
      WHEN c.id IS NULL OR c.opted_out THEN '{GONE}' WHEN c.blocked THEN '{UNREACHABLE}'
      WHEN r.cap > 0 AND {TOLD_BEFORE} >= r.cap THEN '{CAPPED}' END AS why
  FROM run r CROSS JOIN mine m LEFT JOIN contacts c ON c.id = m.contact_id
), changed AS (
  UPDATE deliveries d SET claim = d.claim + 1, reason = f.why,
    state = CASE WHEN f.why IS NULL THEN 'sending' WHEN f.why = '{UNREACHABLE}' THEN 'blocked' ELSE 'skipped' END,
    claimed_until = CASE WHEN f.why IS NULL THEN now() + interval '{LEASE_SECONDS} seconds' END,
    settled_at = CASE WHEN f.why IS NOT NULL THEN now() END
  FROM fate f WHERE d.run_id = $1 AND d.contact_id = f.contact_id
  RETURNING d.contact_id, 'queued' AS was, d.state, d.claim, d.tries, d.language, d.variables,
            f.chat_id, f.channel, f.thread_id
), counted AS (
  UPDATE runs r SET {MOVED} WHERE r.id = $1 AND EXISTS (SELECT FROM changed)
)
SELECT contact_id, claim, tries, language, variables, chat_id, channel, thread_id FROM changed WHERE state = 'sending'
"""
# $2 contacts, $3 claims, $4 states, $5 reasons, $6 Telegram's numbers, $7 seconds to wait, $8 whether a try is counted.
# An outcome that comes late, of what was given up as unknown, is still the truth; of what was claimed anew it is not.
RECORD = f"""
WITH told AS (
  SELECT * FROM unnest($2::uuid[], $3::int[], $4::text[], $5::text[], $6::bigint[], $7::float8[], $8::bool[])
  AS t(contact_id, claim, state, reason, message_id, wait, is_try)
), before AS MATERIALIZED (
  SELECT d.contact_id, d.state AS was FROM deliveries d JOIN told t ON t.contact_id = d.contact_id
  WHERE d.run_id = $1 AND d.claim = t.claim AND d.state IN ('sending', 'unknown')
  ORDER BY d.contact_id FOR UPDATE OF d
), changed AS (
  UPDATE deliveries d SET state = t.state, reason = t.reason, message_id = t.message_id, claimed_until = NULL,
    tries = d.tries + t.is_try::int, due_at = CASE WHEN t.state = 'queued'
      THEN now() + make_interval(secs => t.wait) ELSE d.due_at END,
    settled_at = CASE WHEN t.state <> 'queued' THEN now() END
  FROM told t JOIN before b ON b.contact_id = t.contact_id
  WHERE d.run_id = $1 AND d.contact_id = t.contact_id RETURNING d.contact_id, b.was, d.state
), unreachable AS (
  UPDATE contacts SET blocked = true WHERE id IN (SELECT contact_id FROM changed WHERE state = 'blocked')
)
UPDATE runs r SET {MOVED},
  in_a_row = CASE WHEN EXISTS (SELECT FROM changed WHERE state = 'sent') THEN 0 ELSE r.in_a_row END
    + (SELECT count(*) FROM changed WHERE state IN ('failed', 'unknown'))
WHERE r.id = $1 RETURNING r.state, r.queued, r.sending, r.sent, r.failed, r.in_a_row
"""
FIRST_REFUSALS = "SELECT reason FROM deliveries WHERE run_id = $1 AND state = 'failed' LIMIT 100"

OPEN = "SELECT id FROM runs WHERE is_open AND (sending > 0 OR state = 'cancelled') ORDER BY id"
# Its sender died between the call and the record, or before the call: nobody knows.
REAP = f"""
WITH mine AS (
  SELECT d.contact_id FROM deliveries d
  WHERE d.run_id = $1 AND d.state = 'sending' AND d.claimed_until < now() LIMIT $2 FOR UPDATE SKIP LOCKED
), changed AS (
  UPDATE deliveries d SET state = CASE WHEN r.on_unknown = 'resend' THEN 'queued' ELSE 'unknown' END,
    reason = $3, claimed_until = NULL, settled_at = CASE WHEN r.on_unknown = 'resend' THEN NULL ELSE now() END
  FROM mine m, runs r WHERE d.run_id = $1 AND d.contact_id = m.contact_id AND r.id = $1
  RETURNING 'sending' AS was, d.state
)
UPDATE runs r SET {MOVED} WHERE r.id = $1 AND EXISTS (SELECT FROM changed)
"""
LOST = "whoever sent it ended before it could say how that went; it may have arrived"
CANCEL = f"""
WITH mine AS (
  SELECT d.contact_id FROM deliveries d
  WHERE d.run_id = $1 AND d.state = 'queued' AND EXISTS (SELECT FROM runs r WHERE r.id = $1 AND r.state = 'cancelled')
  LIMIT $2 FOR UPDATE SKIP LOCKED
), changed AS (
  UPDATE deliveries d SET state = 'cancelled', settled_at = now()
  FROM mine m WHERE d.run_id = $1 AND d.contact_id = m.contact_id RETURNING 'queued' AS was, d.state
), counted AS (
  UPDATE runs r SET {MOVED} WHERE r.id = $1 AND EXISTS (SELECT FROM changed)
)
SELECT count(*) FROM changed
"""
AGAIN = f"""
WITH mine AS MATERIALIZED (
  SELECT d.contact_id, d.state AS was FROM deliveries d WHERE d.run_id = $1 AND d.state IN ({{states}})
  ORDER BY d.contact_id FOR UPDATE
), changed AS (
  UPDATE deliveries d SET state = 'queued', reason = NULL, tries = 0, due_at = now(), settled_at = NULL
  FROM mine m WHERE d.run_id = $1 AND d.contact_id = m.contact_id RETURNING m.was, d.state
), counted AS (
  UPDATE runs r SET {MOVED}, in_a_row = 0, is_open = true, ended_at = NULL
  WHERE r.id = $1 AND EXISTS (SELECT FROM changed)
)
SELECT count(*) FROM changed
"""
DONE = """
SELECT id, state FROM runs WHERE is_open AND queued = 0 AND sending = 0
  AND (frozen_at IS NOT NULL AND state = 'running' OR state = 'cancelled')
"""
# In the order campaign, then run, as everybody who changes both.
PAUSE = """
WITH campaign AS (
  UPDATE campaigns c SET state = 'paused', why = $2, changed_at = now()
  FROM runs r WHERE r.id = $1 AND c.id = r.campaign_id AND c.state = 'running' AND r.state = 'running'
  RETURNING c.id, c.name
), run AS (
  UPDATE runs r SET state = 'paused', in_a_row = 0 FROM campaign c
  WHERE r.campaign_id = c.id AND r.id = $1 AND r.state = 'running'
), noted AS (
  INSERT INTO campaign_events (id, campaign_id, act, detail) SELECT $3, id, 'paused', $2 FROM campaign
)
SELECT id, name, $2::text AS why FROM campaign
"""
FAIL = """
WITH campaign AS (
  UPDATE campaigns c SET state = 'failed', why = $2, changed_at = now()
  FROM runs r WHERE r.id = $1 AND c.id = r.campaign_id RETURNING c.id
), noted AS (
  INSERT INTO campaign_events (id, campaign_id, act, detail) SELECT $3, id, 'failed', $2 FROM campaign
)
UPDATE runs SET state = 'failed', is_open = false, ended_at = now() WHERE id = $1
"""
OF_RUN = """
SELECT c.id, c.next_at FROM campaigns c JOIN runs r ON r.campaign_id = c.id WHERE r.id = $1 FOR UPDATE OF c
"""
AT_ITS_END = """
UPDATE runs SET state = 'completed', ended_at = now(), is_open = false
WHERE id = $1 AND state = 'running' AND frozen_at IS NOT NULL AND queued = 0 AND sending = 0 RETURNING id
"""
# A campaign with another occurrence to come knows when, and waits for it.
COMPLETED = """
WITH noted AS (INSERT INTO campaign_events (id, campaign_id, act) VALUES ($2, $1, 'completed'))
UPDATE campaigns SET state = CASE WHEN next_at IS NULL THEN 'completed' ELSE 'scheduled' END, why = NULL,
  changed_at = now() WHERE id = $1
"""
CLOSED = """
UPDATE runs SET is_open = false, ended_at = coalesce(ended_at, now())
WHERE is_open AND state = 'cancelled' AND queued = 0 AND sending = 0 AND id = $1 RETURNING id
"""
SUMS = ", ".join(f"coalesce(sum({state}), 0)::float8 AS {state}" for state in STATES)
FIGURES = f"SELECT {SUMS} FROM runs WHERE is_open"

# What may have news, and what was last said of it: at most twice a second, whoever tells.
NEWS = f"""
SELECT r.id, r.campaign_id, c.name, r.state, {COUNTS}, t.settled, t.summary, t.pace,
  extract(epoch FROM now() - coalesce(t.at, r.started_at))::float8 AS seconds
FROM runs r JOIN campaigns c ON c.id = r.campaign_id LEFT JOIN run_tellings t ON t.run_id = r.id
WHERE (r.is_open OR r.ended_at > now() - interval '10 seconds')
  AND (t.at IS NULL OR t.at <= now() - interval '500 milliseconds')
"""
TOLD = """
INSERT INTO run_tellings AS t (run_id, settled, summary, pace, at) VALUES ($1, $2, $3, $4, now())
ON CONFLICT (run_id) DO UPDATE SET settled = excluded.settled, summary = excluded.summary,
  pace = excluded.pace, at = now()
WHERE t.at <= now() - interval '500 milliseconds' RETURNING run_id
"""
