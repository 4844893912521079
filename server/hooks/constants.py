"""The words and bounds of the hooks room."""

from __future__ import annotations

from server.chat.constants import Happening

EVERYTHING = "*"
TEST = "hooks.test"
# Every kind of event there is. A room that has more of them adds its list here, and nowhere else.
KINDS: tuple[str, ...] = tuple(Happening)

URL_CHARACTERS = 2048
DESCRIPTION_CHARACTERS = 200
SECRETS_LIMIT = 5  # every one of them signs: a rotation has two
ENDPOINTS_LIMIT = 2000  # every claim asks each of them for work
REPLAY_LIMIT = 10_000  # events of one replay; ask again from where it ended
LOG_PAGE = 100
LOG_LIMIT = 1000  # attempts kept for each endpoint
ANSWER_BYTES = 16_384  # of an answer that is read; the rest is not
ANSWER_KEPT = 1024  # characters of it that the log keeps
WHY_CHARACTERS = 300

AT_ONCE = 1000  # requests under way in one process; the others wait as rows
AT_ONCE_EACH = 4  # of them to one endpoint that answers in time
AT_ONCE_UNPROVEN = 1  # to any other: new, failing, slow, or hanging
UNPROVEN_AT_ONCE = 500  # to all of those together: however many hang, half of the requests are for those that answer
IN_TIME_SECONDS = 1.0
CALL_SECONDS = 10.0  # from the name's look-up to the last byte
LEASE_SECONDS = 30.0  # three times the call: a process that is only slow is not overtaken
LONGEST_PAUSE_SECONDS = 21_600.0
