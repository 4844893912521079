"""What the hooks room asks of the workers. Says only where to look; `workers/` carries it out."""

from __future__ import annotations

from server.queue import Task


class CollectEvents(Task):
    """Make events of new posts and changes."""


class DeliverEvents(Task):
    """Send what is due to its endpoints."""
