"""How a run went over time: how many deliveries ended in each step of it, and how. At most some hundred figures."""

from __future__ import annotations

import math
from uuid import UUID

from sqlalchemy import select

from server import clock
from server.broadcast import service
from server.broadcast.constants import DeliveryState
from server.broadcast.models import Run
from server.broadcast.schemas import TimelinePoint, TimelineView
from server.database import Transaction

STEPS = 60  # as many bars as a small chart can show
ENDED = """
SELECT floor(extract(epoch FROM settled_at - $2::timestamptz) / $3)::int AS step, state, count(*) AS deliveries
FROM deliveries WHERE run_id = $1 AND state <> 'queued' AND settled_at >= $2 GROUP BY 1, 2 ORDER BY 1, 2
"""


async def timeline(tx: Transaction, campaign_id: UUID) -> TimelineView:
    """The latest run's, in steps of whole seconds; empty before there is one. Raises Missing."""
    found = await service.one(tx, campaign_id)
    query = select(Run).where(Run.campaign_id == found.id).order_by(Run.number.desc()).limit(1)
    run = await tx.session.scalar(query)
    if run is None:
        return TimelineView(run_id=None, begins_at=None, step_seconds=1, points=[])
    seconds = ((run.ended_at or clock.now()) - run.started_at).total_seconds()
    step = max(1, math.ceil(seconds / STEPS))
    connection = await service.plain(tx)
    rows = await connection.fetch(ENDED, run.id, run.started_at, step)
    points = [
        TimelinePoint(step=row["step"], state=DeliveryState(row["state"]), deliveries=row["deliveries"]) for row in rows
    ]
    return TimelineView(run_id=run.id, begins_at=run.started_at, step_seconds=step, points=points)
