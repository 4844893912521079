"""Reading threads and messages: pages by key, written as JSON by PostgreSQL itself. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from server.chat.constants import SKIP_LIMIT, MessageStatus
from server.chat.statements import message_json
from server.database import PlainConnection
from server.errors import Invalid

PAGE = """
SELECT '{{"messages":[' || coalesce(string_agg(page.json, ',' ORDER BY page.number), '') || ']',
       min(page.number), max(page.number), count(*), (SELECT cleared FROM threads WHERE id = $1)
FROM (
  SELECT m.number, {json} AS json
  FROM messages m {joins} WHERE {conditions} ORDER BY m.number {order} LIMIT {limit} OFFSET {skip}
) page
"""

# The floor comes along in the same snapshot: what retention removes meanwhile is not taken for nothing.
SINCE = f"""
SELECT p."offset", p.json, t.floor FROM threads t LEFT JOIN LATERAL (
  SELECT m."offset", {message_json("m")} AS json FROM messages m
  WHERE m.thread_id = t.id AND m."offset" > $2 ORDER BY m."offset" LIMIT $3
) p ON true WHERE t.id = $1 ORDER BY p."offset"
"""

CONTEXT = f"""
SELECT '[' || coalesce(string_agg({message_json("m")}, ',' ORDER BY m.number), '') || ']'
FROM messages m WHERE m.thread_id = $1 AND m.number BETWEEN $2 AND $3
"""

BEFORE = f"""
SELECT m."offset", {message_json("m")} FROM messages m
WHERE m.thread_id = $1 AND m."offset" < coalesce($2, 9223372036854775807) ORDER BY m."offset" DESC LIMIT $3
"""

TOPS = "SELECT id, epoch, top FROM threads WHERE id = ANY ($1::uuid[])"

_FILTERS = {
    "author": "m.author_id = {}",
    "status": "m.status = {}",
    "tag": "m.tags @> ARRAY[{}::text]",
    "since": "m.created_at >= {}",
    "until": "m.created_at < {}",
    "q": "s.words @@ websearch_to_tsquery('simple', {})",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages of a thread are wanted; None means any."""

    author: UUID | None = None
    status: MessageStatus | None = None
    tag: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Which part: the last `limit` messages, or those before or after a cursor (a message's number as text)."""

    limit: int
    skip: int = 0
    before: str | None = None
    after: str | None = None

    def checked(self) -> Window:
        """Itself; raises Invalid when the parts contradict each other."""
        if self.before is not None and self.after is not None:
            raise Invalid("two_cursors", "give `before` or `after`, not both")
        if self.skip > SKIP_LIMIT:
            raise Invalid("offset_too_large", f"`offset` may be {SKIP_LIMIT}; page with `before` instead")
        return self


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise Invalid("bad_cursor", "a cursor comes from the `before` or `after` of an earlier page")
    return int(cursor)


def page_query(thread_id: UUID, window: Window, wanted: Filter) -> tuple[str, list[Any]]:
    """The statement for one page and its arguments. Same shape, same text: PostgreSQL keeps it prepared."""
    values: list[Any] = []

    def place(value: Any) -> str:
        values.append(value)
        return f"${len(values)}"

    conditions = [f"m.thread_id = {place(thread_id)}"]
    if window.before is not None:
        conditions.append(f"m.number < {place(_number(window.before))}")
    if window.after is not None:
        conditions.append(f"m.number > {place(_number(window.after))}")
    for field, condition in _FILTERS.items():
        value = getattr(wanted, field)
        if value is not None:
            conditions.append(condition.format(place(value)))
    query = PAGE.format(
        json=message_json("m"),
        joins="JOIN search_texts s ON s.message_id = m.id AND s.thread_id = m.thread_id" if wanted.q else "",
        conditions=" AND ".join(conditions),
        order="ASC" if window.after is not None else "DESC",
        limit=place(window.limit),
        skip=place(window.skip),
    )
    return query, values


async def page(connection: PlainConnection, thread_id: UUID, window: Window, wanted: Filter) -> str:
    """One page of a thread as finished JSON (schemas.HistoryPage)."""
    query, values = page_query(thread_id, window.checked(), wanted)
    row = await connection.fetchrow(query, *values)
    assert row is not None  # an aggregate always answers with one row
    messages, first, last, count, cleared = row
    full = count == window.limit
    forward = window.after is not None
    before = first if (full or (forward and count)) and first > (cleared or 0) + 1 else None
    after = last if count else (window.after if forward else None)
    return f'{messages},"before":{_cursor(before)},"after":{_cursor(after)}}}'


def _cursor(number: object) -> str:
    return "null" if number is None else f'"{number}"'
