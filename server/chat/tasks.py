"""What the chat room asks of the workers. Says only where to look; `workers/` carries it out."""

from __future__ import annotations

from server.queue import Task


class AnswerQuestions(Task):
    """Look for questions in support threads that wait for an answer."""


class IndexMessages(Task):
    """Take in the words and languages of new messages."""


class ForgetOld(Task):
    """Remove what is older than the settings say."""


class EraseData(Task):
    """Go on removing what belonged to people who were erased."""


class Relay(Task):
    """Send on what was posted in threads whose people are elsewhere."""
