"""What the chat room asks of the workers. Says only where to look; `workers/` carries it out."""

from __future__ import annotations

from server.queue import Task


class IndexMessages(Task):
    """Take in the words and languages of new messages."""


class Relay(Task):
    """Send on what was posted in threads whose people are elsewhere."""
