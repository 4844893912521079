"""What the broadcast room asks of the workers. Says only where to look; `workers/` carries it out."""

from __future__ import annotations

from server.queue import Task


class BeginRuns(Task):
    """Begin what is due, and freeze the audiences of runs that have none."""


class DeliverCampaigns(Task):
    """Send what is due."""


class KeepCampaigns(Task):
    """Settle what dead senders left, end what is through, and tell."""
