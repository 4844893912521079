"""The log: every delivery of every run, found page by page along the keys, and written out as CSV.

A page walks from run to run, the newest first, and within a run along its key: it costs the same at a million rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from server.broadcast.constants import DeliveryState
from server.broadcast.schemas import DeliveryPage, DeliveryView
from server.database import Database
from server.errors import Invalid

EXPORTED = 2_000  # rows in one query of an export, and so in memory
COLUMNS = tuple(DeliveryView.model_fields)
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so is carried out by a spreadsheet

Row = Any


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries; `after` is the last one of the page before."""

    campaign_id: UUID | None = None
    run_id: UUID | None = None
    state: DeliveryState | None = None
    contact_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: tuple[UUID, UUID] | None = None


def behind(wanted: Wanted, cursor: str | None) -> Wanted:
    """Those that follow a page; raises Invalid for what is no `next` of one."""
    if cursor is None:
        return wanted
    try:
        run, contact = cursor.split(".")
        return replace(wanted, after=(UUID(run), UUID(contact)))
    except ValueError as error:
        raise Invalid("bad_cursor", "give the `next` of an earlier page") from error


async def page(database: Database, wanted: Wanted, limit: int) -> DeliveryPage:
    """Some deliveries, those of the newest run first."""
    statement, values = _query(wanted, limit)
    async with database.connection() as connection:
        rows: Sequence[Row] = await connection.fetch(statement, *values)
    views = [DeliveryView(**dict(row)) for row in rows]
    last = views[-1] if len(views) == limit else None
    return DeliveryPage(deliveries=views, next=None if last is None else f"{last.run_id}.{last.contact_id}")


async def export(database: Database, wanted: Wanted) -> AsyncGenerator[str, None]:
    """All of them as CSV, a piece at a time; no snapshot is held, so that it may take hours."""
    yield _csv([COLUMNS])
    while True:
        found = await page(database, wanted, EXPORTED)
        if found.deliveries:
            yield _csv([[_cell(getattr(one, name)) for name in COLUMNS] for one in found.deliveries])
        if found.next is None:
            return
        wanted = behind(wanted, found.next)


def _query(wanted: Wanted, limit: int) -> tuple[str, list[Any]]:
    """Only the conditions that are asked for: each of them can then use its index."""
    values: list[Any] = []

    def value(of: Any) -> str:
        values.append(of)
        return f"${len(values)}"

    runs, rows = ["true"], ["d.run_id = r.id"]
    if wanted.campaign_id is not None:
        runs.append(f"r.campaign_id = {value(wanted.campaign_id)}")
    if wanted.run_id is not None:
        runs.append(f"r.id = {value(wanted.run_id)}")
    if wanted.after is not None:
        run, contact = value(wanted.after[0]), value(wanted.after[1])
        runs.append(f"r.id <= {run}")
        rows.append(f"(r.id < {run} OR d.contact_id < {contact})")
    if wanted.state is not None:
        rows.append(f"d.state = '{DeliveryState(wanted.state)}'")  # as a constant: the index is of some states alone
    if wanted.contact_id is not None:
        rows.append(f"d.contact_id = {value(wanted.contact_id)}")
    if wanted.since is not None:
        rows.append(f"d.settled_at >= {value(wanted.since)}")
    if wanted.until is not None:
        rows.append(f"d.settled_at < {value(wanted.until)}")
    return (
        f"""
SELECT r.campaign_id, d.run_id, d.contact_id, c.name, d.state, d.reason, d.message_id, d.tries, d.settled_at
FROM (SELECT id, campaign_id FROM runs r WHERE {" AND ".join(runs)} ORDER BY id DESC) r
CROSS JOIN LATERAL (
  SELECT * FROM deliveries d WHERE {" AND ".join(rows)} ORDER BY d.contact_id DESC LIMIT {limit}
) d LEFT JOIN contacts c ON c.id = d.contact_id
ORDER BY r.id DESC, d.contact_id DESC LIMIT {limit}
""",
        values,
    )


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value.isoformat() if isinstance(value, datetime) else value
