"""What those who listen hear of campaigns: how far they are, at most twice a second, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from server.broadcast import statements
from server.broadcast.constants import DeliveryState
from server.chat.events import Notice, Progress
from server.chat.names import CAMPAIGN, INBOX
from server.database import Database

SMOOTHING = 0.3  # how much the latest half second weighs in the pace

Tell = Callable[[str, bytes], None]

Row = Any


class Herald:
    """`tell` says finished JSON to a channel."""

    def __init__(self, database: Database, tell: Tell) -> None:
        self._database = database
        self._tell = tell

    def notice(self, campaign: UUID, name: str, state: str, why: str) -> None:
        """To the operators' inbox: a campaign needs somebody."""
        self._tell(INBOX, msgspec.json.encode(Notice(campaign, name, state, why)))

    async def tell_progress(self) -> int:
        """Say of every run what has changed since it was last said; returns of how many. Anybody may, at once."""
        async with self._database.connection() as connection:
            told = 0
            for row in await connection.fetch(statements.NEWS):
                news = progress_of(row)
                summary = f"{row['state']} {' '.join(str(row[state]) for state in DeliveryState)}"
                if summary == row["summary"]:
                    continue
                values = (_settled(row), summary, news.per_second)
                if await connection.fetchval(statements.TOLD, row["id"], *values) is not None:
                    self._tell(f"{CAMPAIGN}{row['campaign_id']}", msgspec.json.encode(news))
                    told += 1
            return told


def progress_of(row: Row) -> Progress:
    """How far a run is, how fast it goes, and when it would be through."""
    settled = _settled(row)
    lately = max(0.0, (settled - (row["settled"] or 0)) / max(row["seconds"], 0.001))
    pace = lately if row["pace"] is None else row["pace"] + SMOOTHING * (lately - row["pace"])
    left = row["queued"] + row["sending"]
    return Progress(
        row["campaign_id"],
        row["id"],
        row["state"],
        {str(state): row[state] for state in DeliveryState},
        round(pace, 1),
        round(left / pace, 1) if pace > 0.05 and row["state"] == "running" else None,
    )


def _settled(row: Row) -> int:
    """Of how many the outcome is known."""
    return sum(row[state] for state in DeliveryState if state not in ("queued", "sending", "cancelled", "skipped"))
