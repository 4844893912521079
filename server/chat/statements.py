"""The SQL of messages that is worth writing by hand: the append, the reposts, and the one encoder of a message."""

from __future__ import annotations

# A message becomes JSON here and nowhere else: what the journal returns, what a socket hears, what history answers and
# what recovery reads are the same bytes. Names and order are the public form; internal columns stay out of it.
MESSAGE_FIELDS = (
    'id, thread_id, number, "offset", author_id, author_kind, kind, text, payload, client_id, reply_to, '
    "status, tags, language, reactions, created_at, edited_at, deleted_at"
)


def message_json(alias: str) -> str:
    """The SQL expression for the public form of the message row named `alias`."""
    columns = ", ".join(f"{alias}.{column.strip()}" for column in MESSAGE_FIELDS.split(","))
    return f"(SELECT CAST(row_to_json(r) AS text) FROM (SELECT {columns}) r)"


# One statement, one transaction. The threads are locked in the order of their ids (an index scan over the array), so
# that two processes never wait for each other; a thread that is not there takes its drafts with it, silently.
APPEND = f"""
WITH moved AS (
  UPDATE threads t
  SET top = top + cardinality(array_positions($2::uuid[], id)),
      posted = posted + cardinality(array_positions($2::uuid[], id)),
      active_at = CASE WHEN now() - active_at > '1 second' THEN now() ELSE active_at END,
      status = 'open'
  WHERE id = ANY ($2::uuid[])
  RETURNING id, epoch, slug, top - cardinality(array_positions($2::uuid[], id)) AS top,
            posted - cardinality(array_positions($2::uuid[], id)) AS posted
), written AS (
  INSERT INTO messages (thread_id, number, "offset", id, author_id, author_kind, kind, text, payload, client_id,
                        reply_to, status, tags)
  SELECT d.thread_id, m.posted + d.step, m.top + d.step, d.id, d.author_id, d.author_kind, d.kind, d.text, d.payload,
         d.client_id, d.reply_to, d.status, string_to_array(d.tags, ' ')
  FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::jsonb[],
              $9::text[], $10::uuid[], $11::text[], $12::text[])
       AS d(id, thread_id, step, author_id, author_kind, kind, text, payload, client_id, reply_to, status, tags)
  JOIN moved m ON m.id = d.thread_id
  RETURNING *
), seen AS (
  INSERT INTO read_markers (thread_id, user_id, number)
  SELECT thread_id, author_id, max(number) FROM written WHERE author_kind = 'user' GROUP BY thread_id, author_id
  ON CONFLICT (thread_id, user_id) DO UPDATE SET number = greatest(read_markers.number, excluded.number)
)
SELECT w.id, w.thread_id, w.number, w."offset", m.epoch, {message_json("w")}, m.slug
FROM written w JOIN moved m ON m.id = w.thread_id
ORDER BY w."offset"
"""

# Which of these drafts were posted before, under the same client_id. The LIMIT keeps it a look-up a draft; in two
# halves, since no index serves IS NOT DISTINCT FROM.
REPOSTED = f"""
SELECT d.id AS draft_id, k.id, k.thread_id, k.number, k."offset", t.epoch, {message_json("k")}, t.slug
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) AS d(id, thread_id, author_id, client_id)
CROSS JOIN LATERAL (
  SELECT * FROM messages m
  WHERE m.thread_id = d.thread_id AND m.author_id = d.author_id AND m.client_id = d.client_id
  UNION ALL
  SELECT * FROM messages m
  WHERE m.thread_id = d.thread_id AND m.author_id IS NULL AND d.author_id IS NULL AND m.client_id = d.client_id
  LIMIT 1
) k JOIN threads t ON t.id = k.thread_id
"""
