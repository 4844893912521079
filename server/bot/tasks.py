"""What the bot room asks of the workers. Says only where to look; `workers/` carries it out."""

from __future__ import annotations

from server.queue import Task


class TakeInUpdates(Task):
    """Turn the updates that wait into messages."""
