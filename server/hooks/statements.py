"""The SQL of the hooks room: events out of rows, the fair claim, and what became of a request."""

from __future__ import annotations

from sqlalchemy import text

from server.chat.statements import message_json

# A lane that was empty is due now; one that is under way, or pauses, goes on when it would have.
_MORE = """top = greatest(l.top, excluded.top),
    due_at = CASE WHEN l.due_at = 'infinity' THEN now() ELSE l.due_at END"""

# One statement, so that nothing is half done and no process that is frozen holds a lock. `claimed` moves the cursor of
# a thread only from where this statement saw it: of two that collect at once, the second gets nothing. A thread's
# numbers are given under its lock: whoever sees one sees all before it. A change knows how many posts came before it.
# $1 active since, $2 threads at once, $3 posts of a thread at once, $4 where a thread that is new here begins.
COLLECT = f"""
WITH behind AS (
  (SELECT t.id FROM threads t LEFT JOIN hook_cursors c ON c.thread_id = t.id
   WHERE t.active_at > $1 AND t.posted > coalesce(c.number, 0) ORDER BY t.active_at LIMIT $2)
  UNION
  (SELECT thread_id FROM (SELECT thread_id FROM thread_changes ORDER BY seq LIMIT $2) early)
), places AS MATERIALIZED (
  SELECT t.id, t.posted, coalesce(c.number, (
    SELECT m.number FROM messages m WHERE m.thread_id = t.id AND m.created_at < $4 ORDER BY m.number DESC LIMIT 1
  ), 0) AS seen
  FROM behind b JOIN threads t ON t.id = b.id LEFT JOIN hook_cursors c ON c.thread_id = t.id
), claimed AS (
  INSERT INTO hook_cursors AS c (thread_id, number)
  SELECT id, least(seen + $3, posted) FROM places ORDER BY id
  ON CONFLICT (thread_id) DO UPDATE SET number = excluded.number
  WHERE c.number = (SELECT p.seen FROM places p WHERE p.id = c.thread_id)
  RETURNING thread_id, number
), taken AS (
  DELETE FROM thread_changes g USING claimed c WHERE g.thread_id = c.thread_id AND g.posted <= c.number
  RETURNING g.id, g.thread_id, g.posted, g.seq, g.kind, g.data, g.created_at
), news AS MATERIALIZED (
  SELECT m.id, m.thread_id, m.number AS after, 0 AS seq, 'message.posted' AS kind, {message_json("m")} AS data,
         m.created_at
  FROM claimed c JOIN places p ON p.id = c.thread_id
  JOIN messages m ON m.thread_id = c.thread_id AND m.number > p.seen AND m.number <= c.number
  UNION ALL SELECT id, thread_id, posted, seq, kind, data, created_at FROM taken
), wanted AS MATERIALIZED (
  SELECT n.*, e.id AS endpoint_id
  FROM news n JOIN hook_endpoints e ON e.created_at <= n.created_at AND e.kinds && ARRAY[n.kind, '*']
), kept AS (
  INSERT INTO hook_events (id, thread_id, kind, data, occurred_at)
  SELECT id, thread_id, kind, data, created_at FROM news WHERE id IN (SELECT id FROM wanted)
  ORDER BY thread_id, after, seq
  ON CONFLICT (id) DO NOTHING
), waiting AS (
  INSERT INTO hook_deliveries (endpoint_id, thread_id, event_id)
  SELECT endpoint_id, thread_id, id FROM wanted ORDER BY thread_id, after, seq
  RETURNING endpoint_id, thread_id, place
), lanes AS (
  INSERT INTO hook_lanes AS l (endpoint_id, thread_id, top)
  SELECT endpoint_id, thread_id, max(place) FROM waiting GROUP BY endpoint_id, thread_id ORDER BY 1, 2
  ON CONFLICT (endpoint_id, thread_id) DO UPDATE SET {_MORE}
)
SELECT (SELECT count(*) FROM places) AS places, (SELECT count(*) FROM waiting) AS waiting
"""

# What was posted before the first endpoint is nobody's event.
FORGET = ("DELETE FROM thread_changes", "DELETE FROM hook_cursors")
SINCE = """
SELECT min(e.created_at) AS first, now() AS now, (SELECT looked_at FROM hook_progress WHERE id = 1) AS looked_at
FROM hook_endpoints e
"""
LOOKED = """
INSERT INTO hook_progress (id, looked_at) VALUES (1, $1)
ON CONFLICT (id) DO UPDATE SET looked_at = greatest(hook_progress.looked_at, excluded.looked_at)
"""

# Every endpoint in turn, and of each no more than it may still have: none waits behind another.
# $1 to one endpoint that is proven, $2 and $3 how many are under way to which, $4 all together, $5 the lease,
# $6 who is proven, $7 to any other endpoint, $8 to all of those together.
CLAIM = """
WITH due AS MATERIALIZED (
  SELECT l.endpoint_id, l.thread_id
  FROM (
    SELECT o.id, o.free, o.is_proven, row_number() OVER (PARTITION BY o.is_proven ORDER BY random()) AS turn FROM (
      SELECT e.id, e.id = ANY ($6::uuid[]) AS is_proven,
             CASE WHEN e.id = ANY ($6::uuid[]) THEN $1::int ELSE $7::int END - coalesce(u.count, 0) AS free
      FROM hook_endpoints e LEFT JOIN unnest($2::uuid[], $3::int[]) AS u(id, count) ON u.id = e.id
      WHERE e.suspended_at IS NULL
        AND EXISTS (SELECT FROM hook_lanes d WHERE d.endpoint_id = e.id AND d.due_at <= now())
    ) o WHERE o.free > 0
  ) e CROSS JOIN LATERAL (
    SELECT endpoint_id, thread_id FROM hook_lanes
    WHERE endpoint_id = e.id AND due_at <= now() ORDER BY due_at LIMIT e.free FOR UPDATE SKIP LOCKED
  ) l
  WHERE e.is_proven OR e.turn <= $8 LIMIT $4
), taken AS (
  UPDATE hook_lanes l SET due_at = now() + $5 * interval '1 second', claim = l.claim + 1, is_under_way = true
  FROM due d WHERE l.endpoint_id = d.endpoint_id AND l.thread_id = d.thread_id
  RETURNING l.endpoint_id, l.thread_id, l.claim, l.top, l.failures
)
SELECT t.*, e.url, e.secrets, e.may_answer, n.place, n.id AS event_id, n.kind, n.data, n.occurred_at
FROM taken t JOIN hook_endpoints e ON e.id = t.endpoint_id
LEFT JOIN LATERAL (
  SELECT d.place, v.* FROM hook_deliveries d JOIN hook_events v ON v.id = d.event_id
  WHERE d.endpoint_id = t.endpoint_id AND d.thread_id = t.thread_id ORDER BY d.place LIMIT 1
) n ON true
"""

# $1 endpoint, $2 thread, $3 claim, $4 the last place that is done.
DONE = """
WITH lane AS (
  UPDATE hook_lanes SET failures = 0, failing_since = NULL, is_under_way = false,
         due_at = CASE WHEN top > $4 THEN now() ELSE 'infinity' END
  WHERE endpoint_id = $1 AND thread_id = $2 AND claim = $3 RETURNING 1
)
DELETE FROM hook_deliveries WHERE endpoint_id = $1 AND thread_id = $2 AND place <= $4 AND EXISTS (SELECT FROM lane)
"""
FAILED = """
UPDATE hook_lanes SET failures = failures + 1, failing_since = coalesce(failing_since, now()), is_under_way = false,
       due_at = now() + $4 * interval '1 second'
WHERE endpoint_id = $1 AND thread_id = $2 AND claim = $3
"""
LOGGED = """
INSERT INTO hook_attempts (id, endpoint_id, event_id, kind, url, outcome, status, answer, seconds, note)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 WHERE EXISTS (SELECT FROM hook_endpoints WHERE id = $2)
"""
SUSPEND = """
UPDATE hook_endpoints SET suspended_at = now(), suspended_why = $2 WHERE id = $1 AND suspended_at IS NULL RETURNING id
"""
# Nothing of a lane that others have by now; null where the endpoint was resumed meanwhile, which begins anew.
FAILING_SINCE = "SELECT failing_since FROM hook_lanes WHERE endpoint_id = $1 AND thread_id = $2 AND claim = $3"
TOOK_SINCE = """
SELECT EXISTS (SELECT FROM hook_attempts WHERE endpoint_id = $1 AND outcome = 'delivered' AND at > $2)
"""

# The same ids again, in the order in which they happened, behind what already waits.
# $1 endpoint, $2 since, $3 until, $4 after this one, $5 how many at most, $6 this event alone, or none.
REPLAY = f"""
WITH again AS MATERIALIZED (
  SELECT v.id, v.thread_id, v.seq FROM hook_events v
  WHERE v.occurred_at >= $2 AND v.occurred_at < $3 AND v.seq > $4 AND ($6::uuid IS NULL OR v.id = $6)
  AND EXISTS (SELECT FROM hook_endpoints e WHERE e.id = $1 AND (e.kinds && ARRAY[v.kind, '*'] OR v.id = $6))
  ORDER BY v.seq LIMIT $5
), waiting AS (
  INSERT INTO hook_deliveries (endpoint_id, thread_id, event_id) SELECT $1, thread_id, id FROM again ORDER BY seq
  RETURNING thread_id, place
), lanes AS (
  INSERT INTO hook_lanes AS l (endpoint_id, thread_id, top)
  SELECT $1, thread_id, max(place) FROM waiting GROUP BY thread_id ORDER BY thread_id
  ON CONFLICT (endpoint_id, thread_id) DO UPDATE SET {_MORE}
)
SELECT count(*) AS events, max(seq) AS last FROM again
"""
# Ends every pause. A request that is under way since before the suspension keeps its lease, or its event went twice.
RESUME = text("""
UPDATE hook_lanes SET due_at = CASE WHEN is_under_way THEN due_at ELSE now() END, failures = 0, failing_since = NULL
WHERE endpoint_id = :endpoint AND due_at <> 'infinity'
""")
# The first answer to an event counts; what is still to be posted of it stands in its row.
ANSWERED = text("""
INSERT INTO hook_answers (event_id, endpoint_id, reply) VALUES (:event, :endpoint, :reply)
ON CONFLICT DO NOTHING RETURNING true
""")
UNPOSTED = """
SELECT a.reply, t.kind, t.handled_by FROM hook_answers a JOIN threads t ON t.id = $3
WHERE a.event_id = $1 AND a.endpoint_id = $2 AND a.reply IS NOT NULL
"""
SETTLED = "UPDATE hook_answers SET reply = NULL WHERE event_id = $1 AND endpoint_id = $2"
LOG = """
SELECT a.id, a.event_id, a.kind, a.url, a.outcome, a.status, a.answer, a.note, a.seconds, a.at, v.data AS request
FROM hook_attempts a LEFT JOIN hook_events v ON v.id = a.event_id
WHERE a.endpoint_id = $1 AND ($2::uuid IS NULL OR a.id < $2) ORDER BY a.id DESC LIMIT $3
"""
WAITING = "SELECT count(*) FROM (SELECT FROM hook_deliveries WHERE endpoint_id = $1 LIMIT $2) d"

TRIM = """
DELETE FROM hook_attempts a USING (
  SELECT e.id, (SELECT b.id FROM hook_attempts b WHERE b.endpoint_id = e.id
                ORDER BY b.id DESC OFFSET $1 LIMIT 1) AS last
  FROM hook_endpoints e
) t WHERE a.endpoint_id = t.id AND a.id <= t.last
"""
EXPIRE = """
DELETE FROM hook_events WHERE id IN (
  SELECT id FROM hook_events WHERE occurred_at < now() - $1 * interval '1 day' ORDER BY occurred_at LIMIT $2
)
"""
